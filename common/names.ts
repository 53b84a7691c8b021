import { defineSearchAttributeKey, SearchAttributeType } from '@temporalio/common';

/** The task queue of workflows and activities, unless `--task-queue` says otherwise. */
export const defaultTaskQueue = 'runbooks';
export const defaultNamespace = 'default';
export const defaultAddress = '127.0.0.1:7233';

/** Workflow type of the short run that admits a start or a plan where no runbook runs yet. */
export const launchWorkflow = 'launch';

export const messageNames = {
  /** Signal: one decision envelope. */
  decide: 'decide',
  /** Query: the run as `status` shows it. */
  status: 'status',
  /** Query (decision id): the answer to one decision, or null while it is judged. */
  verdict: 'verdict',
} as const;

/** Typed search attributes; few, never secret, registered by `runbook setup`. */
export const searchAttributes = {
  state: defineSearchAttributeKey('RunbookState', SearchAttributeType.KEYWORD),
  type: defineSearchAttributeKey('RunbookType', SearchAttributeType.KEYWORD),
  priority: defineSearchAttributeKey('RunbookPriority', SearchAttributeType.KEYWORD),
  target: defineSearchAttributeKey('RunbookTarget', SearchAttributeType.KEYWORD_LIST),
  step: defineSearchAttributeKey('RunbookStep', SearchAttributeType.KEYWORD),
  requester: defineSearchAttributeKey('RunbookRequester', SearchAttributeType.KEYWORD),
} as const;
