/**
 * Which folders of `test/` make which suite. Every folder is in one of them, which
 * `test/suite/suite.test.ts` checks. Within a suite the folders that take longest come first, so
 * that no long file begins when the others are done.
 */

/** @type {Record<string, { what: string, folders: string[], limitMinutes: number }>} */
export const suites = {
  product: {
    what: 'what proves the product: engine, store, kinds, command line, one recovery',
    folders: [
      'test/flagship',
      'test/engine',
      'test/cli',
      'test/tell',
      'test/driver',
      'test/unit',
      'test/kinds',
      'test/replay',
      'test/store',
      'test/browser',
    ],
    limitMinutes: 20,
  },
  hardening: {
    what: 'what attacks it, what kills it in mid-step, how it is installed, started and built',
    folders: ['test/attacks', 'test/deaths', 'test/embedded', 'test/cli-long', 'test/suite'],
    limitMinutes: 20,
  },
  system: {
    what: 'whole systems: deployments, disasters, storms of deaths, Kubernetes, backups',
    folders: [
      'test/pipeline',
      'test/recovery',
      'test/deployment',
      'test/chaos',
      'test/releases',
      'test/outages',
      'test/web-system',
      'test/disaster',
      'test/kubernetes-site',
      'test/backup',
      'test/examples',
    ],
    limitMinutes: 24,
  },
};

/**
 * @param {string} name of a suite
 * @returns {string[]} its folders, as patterns for jest
 */
export function patternsOf(name) {
  return suites[name].folders.map((folder) => `/${folder}/`);
}
