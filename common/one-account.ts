import type { Sender } from './sender.js';

/*
 * Two names from one account are not proved to be two people. Nothing is refused for it: several
 * operators may share a host and its account. But whoever reads has to see it.
 */

const said =
  'Under another name, but from the same account on the same host as the start of the run';

/** Who did something, as stated. */
interface Person {
  by: string;
  sender?: Sender | undefined;
}

/**
 * A sentence for the verdict on a decision that another name has made from the account that started
 * the run; empty in any other case.
 */
export function oneAccountText(requester: Person, decision: Person): string {
  const { user, host } = decision.sender ?? {};
  const isSame =
    user !== undefined && user === requester.sender?.user && host === requester.sender.host;
  return isSame && decision.by !== requester.by ? ` ${said}.` : '';
}

/** The same for a line, from the verdict that says it; empty where it does not. */
export function oneAccountNote({ message }: { message: string }): string {
  return message.includes(said) ? said.charAt(0).toLowerCase() + said.slice(1) : '';
}
