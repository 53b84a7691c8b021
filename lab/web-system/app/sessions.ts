import { createHmac, randomBytes, scrypt, timingSafeEqual } from 'node:crypto';
import { promisify } from 'node:util';
import type pg from 'pg';

const derive = promisify<string, string, number, Buffer>(scrypt);
const hashBytes = 32;
const defaultMinutes = 480;

/** What a password becomes in the database. */
export async function hashed(
  password: string,
  salt = randomBytes(16).toString('hex'),
): Promise<{ salt: string; hash: string }> {
  return { salt, hash: (await derive(password, salt, hashBytes)).toString('hex') };
}

export interface Session {
  tenant: string;
  user: string;
  /** Milliseconds since 1970. */
  until: number;
}

/** Log-ins of tenants: a token is what it says, signed with the secret of the system. */
export class Sessions {
  constructor(
    private readonly secret: string,
    private readonly minutes: number = defaultMinutes,
  ) {}

  /** @returns undefined when user or password is not right */
  async logIn(
    db: pg.Pool,
    tenant: string,
    user: string,
    password: string,
  ): Promise<{ token: string; until: string } | undefined> {
    const { rows } = await db.query<{ salt: string; hash: string }>(
      'SELECT salt, hash FROM users WHERE tenant = $1 AND name = $2',
      [tenant, user],
    );
    // Somebody who does not exist takes as long as a wrong password.
    const known = rows[0] ?? { salt: 'nobody', hash: '00'.repeat(hashBytes) };
    const { hash } = await hashed(password, known.salt);
    if (!timingSafeEqual(Buffer.from(hash, 'hex'), Buffer.from(known.hash, 'hex')))
      return undefined;
    const until = Date.now() + this.minutes * 60_000;
    const content = Buffer.from(JSON.stringify({ tenant, user, until } satisfies Session)).toString(
      'base64url',
    );
    return { token: `${content}.${this.signature(content)}`, until: new Date(until).toISOString() };
  }

  /**
   * The session of an `Authorization: Bearer …` header; undefined when it is none of ours, or over.
   */
  of(header: string | undefined): Session | undefined {
    const [, content = '', signature = ''] = /^Bearer ([\w-]+)\.([\w-]+)$/.exec(header ?? '') ?? [];
    const wanted = Buffer.from(this.signature(content));
    const given = Buffer.from(signature);
    if (content === '' || given.length !== wanted.length || !timingSafeEqual(given, wanted))
      return undefined;
    const session = JSON.parse(Buffer.from(content, 'base64url').toString('utf8')) as Session;
    return session.until > Date.now() ? session : undefined;
  }

  private signature(content: string): string {
    return createHmac('sha256', this.secret).update(content).digest('base64url');
  }
}
