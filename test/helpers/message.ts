import type { Message } from '../../common/message.js';

/** A message in which everything that comes from outside is this text. */
export function messageWith(text: string, change: Partial<Message> = {}): Message {
  return {
    version: 1,
    ...{ id: 'id', first: 'id', what: 'asked', again: false, number: 1, drill: false },
    ...{ run: text, runbook: text, title: text, requester: text, reason: text },
    targets: [{ name: text, environment: text }],
    startedAt: '2026-03-01T02:00:00.000Z',
    call: {
      ...{ kind: 'approval', id: text, title: text, who: text },
      ...{ since: '2026-03-01T02:10:00.000Z', deadline: '2026-03-01T03:10:00.000Z' },
      follows: [
        {
          ...{ step: text, title: text, kind: 'command', effect: 'change' },
          ...{ targets: [text], undo: text, tried: text },
          works: [{ action: { kind: 'notify', text } }],
        },
      ],
      evidence: { [text]: text, nested: { [text]: { deep: text }, list: [text] } },
    },
    undo: {
      possible: [{ step: text, how: text }],
      impossible: [text],
      pointsOfNoReturn: [text],
    },
    left: [{ step: text, title: text, state: 'failed', what: text, how: text }],
    undone: [{ step: text, title: text }],
    end: null,
    taken: { by: text, at: '2026-03-01T02:20:00.000Z' },
    over: null,
    commands: [{ verb: 'approve', command: text }],
    ...{
      form: text,
      ack: text,
      did: [text],
      output: text,
      where: text,
      startAgain: text,
      status: text,
      link: text,
    },
    ...change,
  };
}
