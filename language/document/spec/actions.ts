import type { JsonObject } from '../../json.js';
import { fieldOf } from '../../expression/write.js';
import { isObject } from '../../objects.js';
import type { WorkTemplate } from '../../runbook.js';
import { Builder } from './builder.js';
import { textIn } from '../expand/draft.js';
import { isExpression, listIn, listOrOne, objectIn, told } from './fields.js';

/** What workers do, in the engine's form. */
export class ActionBuilder extends Builder {
  protected action(from: JsonObject, kind: string): JsonObject {
    if (Object.hasOwn(from, 'stdin')) this.notYet(from, 'stdin', '`stdin`');
    const { target, env, cwd, files } = from;
    const where: JsonObject =
      target === undefined ? {} : { target: this.byName(target), ...this.credentials(from, kind) };
    Object.assign(where, this.host(from, kind));
    const started = {
      ...where,
      ...(env ? { env } : {}),
      ...(cwd ? { cwd } : {}),
      ...(files ? { files } : {}),
      ...this.exits(from),
    };
    const parse = from['parse'] === undefined ? {} : { parse: from['parse'] };
    const idempotent = from['idempotent'] === true ? { idempotent: true } : {};
    switch (kind) {
      case 'command':
        return { kind, argv: from['command'] ?? [], ...started, ...parse, ...idempotent };
      case 'script': {
        const strict = from['shell'] === 'bash' ? ['bash', '-euo', 'pipefail'] : ['sh', '-eu'];
        const argv = [
          ...strict,
          '-c',
          from['script'] ?? '',
          strict[0] ?? '',
          ...listIn(from, 'args'),
        ];
        return { kind: 'command', argv, ...started, ...parse, ...idempotent };
      }
      case 'sql':
        return { kind, ...where, ...this.statements(from) };
      case 'http':
        return { kind, ...where, ...this.request(from), ...idempotent };
      case 'notify':
        return this.notice(from);
      default:
        this.notYet(from, kind, `\`${kind}\``);
        return { kind: 'command', argv: ['true'] };
    }
  }

  /** A fact of the target that is named: the workers of that host do it. */
  protected host(from: JsonObject, kind: string): JsonObject {
    const { runsOn } = from;
    if (runsOn === undefined) return {};
    if (kind === 'notify') this.notYet(from, 'runsOn', '`runsOn` of a message');
    if (!isExpression(runsOn)) return {};
    return { runsOn: fieldOf(this.trees.of(runsOn), 'host') as unknown as JsonObject };
  }

  /** A program gets those of its target; what else a step does has them from the address. */
  protected credentials(from: JsonObject, kind: string): JsonObject {
    const { credentials } = from;
    if (typeof credentials === 'string') return { credentials };
    if (credentials !== undefined)
      this.notYet(from, 'credentials', 'credentials of several targets');
    return kind === 'command' || kind === 'script' ? { credentials: 'main' } : {};
  }

  protected exits(from: JsonObject): JsonObject {
    const exit = listIn(from, 'expect').flatMap((each) =>
      listOrOne(isObject(each) ? each['exit'] : undefined),
    );
    return exit.length > 0 ? { exitCodes: exit } : {};
  }

  protected statements(from: JsonObject): JsonObject {
    const statements = listIn(from, 'sql');
    const [only] = statements;
    const named =
      statements.length === 1 && isObject(only) && !Object.hasOwn(only, 'as')
        ? [{ ...only, as: 'rows' }]
        : [...statements];
    const limit = (key: string, name: string): JsonObject => {
      const ms = this.limit(from, key);
      return ms === undefined ? {} : { [name]: ms };
    };
    return {
      statements: named,
      ...limit('statementTimeout', 'statementTimeoutMs'),
      ...limit('lockTimeout', 'lockTimeoutMs'),
      ...Object.fromEntries(
        ['isolation', 'identifiers', 'literals', 'transaction']
          .filter((key) => Object.hasOwn(from, key))
          .map((key) => [key, from[key] ?? null]),
      ),
      ...(from['transaction'] === 'none' && from['idempotent'] === true
        ? { idempotent: true }
        : {}),
    };
  }

  protected request(from: JsonObject): JsonObject {
    const [method = '', ...path] = textIn(from, 'http').split(' ');
    const statuses = listIn(from, 'expect').flatMap((each) =>
      listOrOne(isObject(each) ? each['status'] : undefined),
    );
    const fields = ['params', 'query', 'headers'].filter((key) => Object.hasOwn(from, key));
    return {
      ...{ method, path: path.join(' ') },
      ...(from['address'] === undefined ? {} : { address: from['address'] }),
      ...Object.fromEntries(fields.map((key) => [key, from[key] ?? null])),
      ...(from['body'] === undefined ? {} : { json: from['body'] }),
      ...(from['idempotencyKey'] === undefined ? {} : { idempotencyKey: true }),
      ...(statuses.length > 0 ? { statuses } : {}),
    };
  }

  protected notice(from: JsonObject): JsonObject {
    const to = listIn(from, 'to');
    if (to.length > 1) this.notYet(from, 'to', 'a message to several channels');
    return {
      ...{ kind: 'notify', text: from['notify'] ?? '' },
      ...(to[0] === undefined ? {} : { target: this.byName(to[0]) }),
      ...(from['fields'] === undefined ? {} : { fields: from['fields'] }),
    };
  }

  protected poll(from: JsonObject, probe: JsonObject): JsonObject {
    const condition = (key: string): JsonObject => {
      const found = this.condition(from, key);
      return found ? { [key]: found as unknown as JsonObject } : {};
    };
    const every = this.limit(from, 'every') ?? 5_000;
    const until = Object.hasOwn(from, 'until') ? {} : { until: { cel: 'true' } };
    const { consecutive } = from;
    const forMs = this.duration(from, 'for');
    return {
      kind: 'check',
      probe,
      ...until,
      ...condition('until'),
      ...condition('failWhen'),
      ...condition('inconclusiveWhen'),
      ...(consecutive === undefined ? {} : { consecutive }),
      ...(forMs === undefined ? {} : { forMs }),
      everyMs: every,
    };
  }

  protected expectations(step: JsonObject, { kind }: JsonObject): Pick<WorkTemplate, 'expect'> {
    const expect = listIn(step, 'expect').flatMap((each) => {
      if (!isObject(each)) return [];
      if (Object.hasOwn(each, 'match')) {
        const field = kind === 'http' ? 'text' : 'stdout';
        const cel = `out.${field}.matches(${JSON.stringify(textIn(each, 'match'))})`;
        return [told(each, { cel })];
      }
      const condition = this.condition(each, 'condition');
      return condition ? [told(each, condition)] : [];
    });
    return expect.length > 0
      ? { expect: expect as unknown as NonNullable<WorkTemplate['expect']> }
      : {};
  }

  protected outputs(step: JsonObject): NonNullable<WorkTemplate['outputs']> {
    const outputs = objectIn(step, 'outputs');
    return Object.fromEntries(
      Object.keys(outputs).map((name) => [
        name,
        this.condition(objectIn(outputs, name), 'value') ?? { cel: 'null' },
      ]),
    );
  }
}
