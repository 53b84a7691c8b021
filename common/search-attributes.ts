import { defineSearchAttributeKey, SearchAttributeType } from '@temporalio/common';

/** Typed search attributes; few, never secret, registered by `runbook setup`. */
export const searchAttributes = {
  state: defineSearchAttributeKey('RunbookState', SearchAttributeType.KEYWORD),
  type: defineSearchAttributeKey('RunbookType', SearchAttributeType.KEYWORD),
  priority: defineSearchAttributeKey('RunbookPriority', SearchAttributeType.KEYWORD),
  target: defineSearchAttributeKey('RunbookTarget', SearchAttributeType.KEYWORD_LIST),
  step: defineSearchAttributeKey('RunbookStep', SearchAttributeType.KEYWORD),
  requester: defineSearchAttributeKey('RunbookRequester', SearchAttributeType.KEYWORD),
} as const;
