/** Why a verb does not do what it was told, in words. */
export class Refused extends Error {
  /** @param exitCode 1: not yet; 2: refused or failed */
  constructor(
    message: string,
    readonly exitCode: 1 | 2 = 2,
  ) {
    super(message);
  }
}
