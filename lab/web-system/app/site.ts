import { readFileSync } from 'node:fs';
import { Sessions } from './sessions.js';
import { Uploads } from './uploads.js';
import { Writes } from './writes.js';

/** `config/application.json` of a site. */
export interface ApplicationConfig {
  /** The release that is deployed there. */
  release: string;
  sessionMinutes: number;
  uploadLimitBytes: number;
}

/**
 * What an instance has at a site and nowhere else: log-ins, uploads, and a lease that writes depend
 * on.
 */
export interface SiteSide {
  sessions: Sessions | undefined;
  uploads: Uploads | undefined;
  uploadLimitBytes: number;
  writes: Writes;
}

/**
 * By environment: WEB_CONFIG (application.json), WEB_SESSION_SECRET (file), WEB_FILES (folder),
 * WEB_LEASE and WEB_DRAINING (files). Without them it is an instance as everywhere.
 */
export function siteSide(env: NodeJS.ProcessEnv): SiteSide {
  const { WEB_CONFIG: configFile, WEB_SESSION_SECRET: secretFile, WEB_FILES: files } = env;
  const config =
    configFile === undefined
      ? undefined
      : (JSON.parse(readFileSync(configFile, 'utf8')) as ApplicationConfig);
  const { WEB_LEASE: lease, WEB_DRAINING: draining } = env;
  return {
    sessions:
      secretFile === undefined
        ? undefined
        : new Sessions(readFileSync(secretFile, 'utf8').trim(), config?.sessionMinutes),
    uploads: files === undefined ? undefined : new Uploads(files),
    uploadLimitBytes: config?.uploadLimitBytes ?? 1_000_000,
    writes: new Writes(
      lease === undefined || draining === undefined ? undefined : { lease, draining },
    ),
  };
}
