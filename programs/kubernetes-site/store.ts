import { createHash } from 'node:crypto';
import { parseJson } from '../../language/json.js';
import type { SiteConfig } from './config.js';
import { Refused } from './refused.js';
import { call, digest } from './tools.js';

/*
 * The store outside of all sites, as `aws s3` and `aws s3api` reach it:
 *
 * base/ID/backup.json, base/ID/PART      a base backup: what it is, and its parts with their
 * digests
 *   wal/SEGMENT                            WAL, as it was archived
 *   marks/SEGMENT.json                     the last commit that is in the WAL up to this segment
 * files/SHA256, files/manifest.json      uploaded files by their digest, and which of them there
 * are
 *   config/ID.json                         configuration, and secrets that are encrypted
 *   baseline.json                          speed and tenants in good days
 *
 * Beside each object that is not named by its digest stands NAME.sha256: 64 hexadecimal digits.
 */

const answerSeconds = 60;
/** Of a whole object, however large. */
const transferSeconds = 4 * 3600;
/** How often an object is read before it counts as one that cannot be. */
const readings = 3;

export interface StoredObject {
  key: string;
  size: number;
  at: string;
}

export interface Place {
  bucket: string;
  prefix: string;
}

export class Store {
  constructor(private readonly config: Pick<SiteConfig, 'programs' | 'store' | 'isolated'>) {}

  /** Names below a folder of the store, in their order. */
  list(below: string): Promise<StoredObject[]> {
    return this.listAt(this.config.store, below);
  }

  /** @param below prefix below the place's own */
  async listAt({ bucket, prefix }: Place, below: string): Promise<StoredObject[]> {
    const start = `${prefix}${below}`;
    const { stdout } = await this.aws(
      [
        's3api',
        'list-objects-v2',
        `--bucket=${bucket}`,
        `--prefix=${start}`,
        '--query=Contents[].{key:Key,size:Size,at:LastModified}',
      ],
      { seconds: 10 * answerSeconds },
    );
    const found = stdout.trim() === '' ? [] : ((parseJson(stdout) as StoredObject[] | null) ?? []);
    return found
      .map((object) => ({ ...object, key: object.key.slice(prefix.length) }))
      .sort((one, other) => (one.key < other.key ? -1 : 1));
  }

  /** The text of an object, when it is what its digest says. @throws Refused in words */
  async read(key: string): Promise<string> {
    const wanted = await this.digestBeside(key);
    const text = await this.text(key);
    const found = createHash('sha256').update(text).digest('hex');
    if (wanted === null) throw new Refused(`${key} has no digest beside it`);
    if (found !== wanted) throw new Refused(`${key} is not what its digest says`);
    return text;
  }

  /**
   * Reads the whole of an object.
   * @returns what is wrong with it; null when it is what it should be
   */
  async judge(
    key: string,
    wanted: { sha256: string | null; bytes?: number },
  ): Promise<string | null> {
    if (wanted.sha256 === null) return `${key} has no digest beside it`;
    let read = await this.digest(key);
    // One that breaks off says nothing of the object.
    for (let again = 1; again < readings && !read.ok && !notThere.test(read.problem); again += 1)
      read = await this.digest(key);
    const { ok, sha256, bytes, problem } = read;
    if (!ok)
      return notThere.test(problem) ? `${key} is not there` : `${key} cannot be read: ${problem}`;
    if (wanted.bytes !== undefined && bytes !== wanted.bytes)
      return `${key} has ${bytes} bytes, and had ${wanted.bytes}`;
    return sha256 === wanted.sha256 ? null : `${key} is not what its digest says`;
  }

  /** @returns null when there is none that is one */
  async digestBeside(key: string): Promise<string | null> {
    const { ok, stdout } = await this.aws(this.cat(`${key}.sha256`), { unless: notThere });
    const found = stdout.trim().slice(0, 64);
    return ok && /^[0-9a-f]{64}$/.test(found) ? found : null;
  }

  /**
   * Puts an object there and its digest beside it, the digest last: without it the object does not
   * count.
   */
  async write(key: string, text: string): Promise<void> {
    this.mustWrite();
    const { bucket, prefix } = this.config.store;
    for (const [name, content] of [
      [key, text],
      [`${key}.sha256`, `${createHash('sha256').update(text).digest('hex')}\n`],
    ] as const) {
      await this.aws(['s3', 'cp', '-', `s3://${bucket}/${prefix}${name}`, '--only-show-errors'], {
        input: content,
      });
    }
  }

  /**
   * The digest of an object, as the store computed it when it was copied there; null when there is
   * none.
   */
  async digestAt({ bucket, prefix }: Place, key: string): Promise<string | null> {
    const { ok, stdout } = await this.aws(
      [
        's3api',
        'head-object',
        `--bucket=${bucket}`,
        `--key=${prefix}${key}`,
        '--checksum-mode=ENABLED',
        '--query=ChecksumSHA256',
        '--output=json',
      ],
      { unless: notThere },
    );
    return ok ? fromBase64(parseJson(stdout) as string | null) : null;
  }

  /**
   * Copies an object within the store's account; the store reads it and says its digest.
   * @returns the digest, in hexadecimal; null when there is nothing to copy
   */
  async copy(from: Place & { key: string }, to: Place & { key: string }): Promise<string | null> {
    const source = `${from.bucket}/${from.prefix}${from.key}`
      .split('/')
      .map(encodeURIComponent)
      .join('/');
    const { ok, stdout } = await this.aws(
      [
        ...[
          's3api',
          'copy-object',
          `--bucket=${to.bucket}`,
          `--key=${to.prefix}${to.key}`,
          `--copy-source=${source}`,
        ],
        ...[
          '--checksum-algorithm=SHA256',
          '--query=CopyObjectResult.ChecksumSHA256',
          '--output=json',
        ],
      ],
      { unless: notThere, seconds: transferSeconds },
    );
    return ok ? fromBase64(parseJson(stdout) as string | null) : null;
  }

  async remove({ bucket, prefix, key }: Place & { key: string }): Promise<void> {
    await this.aws(['s3', 'rm', `s3://${bucket}/${prefix}${key}`, '--only-show-errors']);
  }

  /** @throws Refused for an isolated site */
  mustWrite(): void {
    if (this.config.isolated) throw new Refused('an isolated site never writes into the store');
  }

  get place(): Place {
    return this.config.store;
  }

  private digest(key: string): ReturnType<typeof digest> {
    return digest(this.config, 'aws', this.cat(key), { seconds: transferSeconds, env: this.env() });
  }

  private async text(key: string): Promise<string> {
    const { ok, stdout } = await this.aws(this.cat(key), { unless: notThere });
    if (!ok) throw new Refused(`${key} is not there`);
    return stdout;
  }

  private cat(key: string): string[] {
    const { bucket, prefix } = this.config.store;
    return ['s3', 'cp', `s3://${bucket}/${prefix}${key}`, '-', '--only-show-errors'];
  }

  private aws(
    args: readonly string[],
    how: { input?: string; seconds?: number; unless?: RegExp } = {},
  ) {
    return call(this.config, 'aws', args, {
      seconds: how.seconds ?? answerSeconds,
      env: this.env(),
      ...(how.input === undefined ? {} : { input: how.input }),
      ...(how.unless ? { unless: how.unless } : {}),
    });
  }

  private env(): Record<string, string> {
    const { region, profile, credentialsFile, endpoint } = this.config.store;
    return {
      AWS_PAGER: '',
      AWS_DEFAULT_OUTPUT: 'json',
      ...(region === undefined ? {} : { AWS_REGION: region }),
      ...(profile === undefined ? {} : { AWS_PROFILE: profile }),
      ...(credentialsFile === undefined ? {} : { AWS_SHARED_CREDENTIALS_FILE: credentialsFile }),
      ...(endpoint === undefined ? {} : { AWS_ENDPOINT_URL_S3: endpoint }),
    };
  }
}

const notThere = /\(404\)|NoSuchKey|does not exist|Not Found/;

function fromBase64(sum: string | null): string | null {
  // With a dash it is that of the parts, which says nothing of the whole.
  return sum === null || sum.includes('-') ? null : Buffer.from(sum, 'base64').toString('hex');
}
