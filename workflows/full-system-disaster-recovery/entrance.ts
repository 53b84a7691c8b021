import type { PlannedTarget } from '../../language/plan.js';
import type { CheckAction } from '../../language/kinds/check.js';
import type { TrafficAction } from '../../language/kinds/delivery/traffic.js';
import { ProcedureStopped } from '../engine/outcome.js';

const all = 100;
/** The server that shows the maintenance page. */
const page = 'page';

/**
 * The proxy in front of all sites. Its servers are named as the sites are, and one is `page`; their
 * addresses are facts of the target: `server.a: 127.0.0.1:8080`.
 */
export function entranceOf({ name, facts }: PlannedTarget) {
  const servers = Object.entries(facts).flatMap(([key, address]) => {
    const server = /^server\.(.+)$/.exec(key)?.[1];
    return server !== undefined && typeof address === 'string' ? [{ name: server, address }] : [];
  });
  const only = (wanted: string): TrafficAction => {
    if (!servers.some((server) => server.name === wanted)) {
      throw new ProcedureStopped(
        `target ${name} has no server ${wanted}`,
        `Add it to its facts in targets.yaml: \`server.${wanted}: HOST:PORT\`.`,
      );
    }
    return {
      kind: 'traffic',
      target: name,
      operation: 'set',
      servers: servers.map((server) => ({ ...server, weight: server.name === wanted ? all : 0 })),
    };
  };
  return {
    target: name,
    observe: (): TrafficAction => ({ kind: 'traffic', target: name, operation: 'observe' }),
    page: () => only(page),
    only,
    /** A page that says that the system is under maintenance is not ready. */
    arrived: (): CheckAction => ({
      kind: 'check',
      probe: {
        kind: 'http',
        target: name,
        method: 'GET',
        path: '/ready',
        statuses: [200, 500, 502, 503, 504],
      },
      until: { cel: 'out.status == 200' },
      everyMs: 250,
    }),
  };
}

export type Entrance = ReturnType<typeof entranceOf>;
