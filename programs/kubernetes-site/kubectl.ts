import { parseJson } from '../../language/json.js';
import { call, type Said } from './tools.js';
import type { ClusterAddress, SiteConfig } from './config.js';
import { Refused } from './refused.js';

/** Whose changes these are in the managed fields of an object. */
const manager = 'site-program';
const answerSeconds = 30;

export interface KubeObject {
  apiVersion?: string;
  kind?: string;
  metadata: {
    name: string;
    namespace?: string;
    resourceVersion?: string;
    annotations?: Record<string, string>;
    labels?: Record<string, string>;
  };
}

/**
 * kubectl against one namespace; objects go in on standard input, so that no secret is in a list of
 * processes.
 */
export class Kubectl {
  constructor(
    private readonly config: Pick<SiteConfig, 'programs'>,
    private readonly where: ClusterAddress,
  ) {}

  /** @returns undefined when there is none */
  async get<T extends KubeObject>(what: string): Promise<T | undefined> {
    const { stdout } = await this.run(['get', what, '--ignore-not-found', '--output=json']);
    return stdout === '' ? undefined : parsed<T>(stdout, what);
  }

  /** @returns false when it is there already, or the namespace is not */
  async create(object: KubeObject): Promise<boolean> {
    return (await this.put('create', object, /AlreadyExists/)).ok;
  }

  /** Only when nobody has changed it since it was read. @returns false when somebody has */
  async replace(object: KubeObject): Promise<boolean> {
    if (object.metadata.resourceVersion === undefined)
      throw new Refused('an object is replaced only as it was read');
    return (await this.put('replace', object, /Conflict|the object has been modified/)).ok;
  }

  /** Makes it so, whatever it was before. */
  async apply(object: KubeObject): Promise<void> {
    await this.run(
      ['apply', '--server-side', '--force-conflicts', `--field-manager=${manager}`, '--filename=-'],
      {
        input: JSON.stringify(object),
      },
    );
  }

  async scale(workload: string, replicas: number): Promise<void> {
    await this.run(['scale', workload, `--replicas=${replicas}`]);
  }

  async annotate(what: string, annotation: string, value: string): Promise<void> {
    await this.run(['annotate', what, `${annotation}=${value}`, '--overwrite']);
  }

  async delete(what: string): Promise<void> {
    await this.run(['delete', what, '--ignore-not-found', '--wait=true', '--timeout=60s'], {
      seconds: 90,
    });
  }

  /** @returns why it is not yet, as kubectl says it; '' when it is */
  async rolledOut(workload: string, seconds: number): Promise<string> {
    const { ok, problem } = await this.run(
      ['rollout', 'status', workload, `--timeout=${seconds}s`],
      {
        seconds: seconds + answerSeconds,
        unless: /timed out|not found|deadline/i,
        endless: true,
      },
    );
    return ok ? '' : problem;
  }

  /** A Job from the template of a CronJob. @returns false when it is there already */
  async createJob(name: string, cronJob: string): Promise<boolean> {
    const { ok } = await this.run(['create', 'job', name, `--from=cronjob/${cronJob}`], {
      unless: /AlreadyExists|already exists/,
    });
    return ok;
  }

  private put(verb: 'create' | 'replace', object: KubeObject, unless: RegExp): Promise<Said> {
    return this.run([verb, `--field-manager=${manager}`, '--filename=-'], {
      input: JSON.stringify(object),
      unless,
    });
  }

  private run(
    args: readonly string[],
    how: { input?: string; seconds?: number; unless?: RegExp; endless?: boolean } = {},
  ): Promise<Said> {
    const { kubeconfig, context, namespace } = this.where;
    const limit = how.endless === true ? [] : [`--request-timeout=${answerSeconds}s`];
    const address = [
      `--kubeconfig=${kubeconfig}`,
      `--context=${context}`,
      `--namespace=${namespace}`,
      ...limit,
    ];
    return call(this.config, 'kubectl', [...args, ...address], {
      seconds: how.seconds ?? answerSeconds + 5,
      ...(how.input === undefined ? {} : { input: how.input }),
      ...(how.unless ? { unless: how.unless } : {}),
    });
  }
}

function parsed<T>(stdout: string, what: string): T {
  try {
    return parseJson(stdout) as T;
  } catch {
    throw new Refused(`kubectl get ${what} answered no JSON`);
  }
}

export function kubectlOf(config: SiteConfig): Kubectl {
  return new Kubectl(config, config.cluster);
}
