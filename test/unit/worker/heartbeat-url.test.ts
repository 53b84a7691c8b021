import { expect, test } from '@jest/globals';
import { HeartbeatUrl } from '../../../worker/heartbeat-url.js';
import { Service } from '../../kinds/world.js';

const minute = 60_000;

test('asked once a minute while all is well; again at the next chance when it fails', async () => {
  const service = await Service.start();
  try {
    const heartbeat = new HeartbeatUrl(`${service.address}/ping/secret-id`);
    await heartbeat.well(0);
    await heartbeat.well(minute - 1);
    expect(service.received).toMatchObject([{ method: 'POST', url: '/ping/secret-id', body: '' }]);
    service.answerWith((_request, response) => response.writeHead(500).end());
    await expect(heartbeat.well(minute)).rejects.toThrow(/^it answered 500$/);
    await expect(heartbeat.well(minute + 1)).rejects.toThrow();
    service.answerWith((_request, response) => response.end());
    await heartbeat.well(minute + 2);
    expect(service.received).toHaveLength(1);
  } finally {
    await service.stop();
  }
  const nobody = new HeartbeatUrl(`${service.constructor.name}:`);
  await expect(nobody.well(0)).rejects.toThrow(/^it does not answer/);
  await new HeartbeatUrl(null).well(0);
});
