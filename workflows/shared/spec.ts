import type { InputSpec } from '../../language/runbook.js';

/** The input that names who gets the closing message. */
export const closingInput: InputSpec = {
  type: 'target',
  kind: 'webhook',
  optional: true,
  description: 'Where the closing message goes; it is in the report as well',
};
