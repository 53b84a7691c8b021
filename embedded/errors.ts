/** The embedded default cannot be had or started; the message says what happened and what to do. */
export class EmbeddedError extends Error {}
