/**
 * Thrown where an attempt fails before it follows the command that an earlier worker of it has
 * started: that may still run, so no end of the attempt is recorded.
 */
export class NotFollowed extends Error {
  /** @param cause why; on abort the signal's reason */
  constructor(override readonly cause: unknown) {
    super('the command of an earlier worker is not followed', { cause });
    this.name = 'NotFollowed';
  }
}
