/** A channel did not take a message, as far as is known. */
export class NotSent extends Error {
  constructor(
    message: string,
    /** It may have arrived all the same. */
    readonly mayHaveArrived: boolean,
    /** Milliseconds that the channel asks to wait. */
    readonly afterMs?: number,
  ) {
    super(message);
    this.name = 'NotSent';
  }
}
