/*
 * How programs take code among their arguments, and the program that they run. A value is data, so
 * it may stand at none of these places. All that is known of a program is in the tables beside
 * this file; test/unit/language/interpreters.test.ts makes every form of it from them.
 */

/** How a program takes code among its arguments. */
export interface Interpreter {
  /** One-letter options whose argument is code, also at the end of a group such as `-lc`. */
  letters?: string;
  /** Long options whose argument is code, without the equals sign; in lower case. */
  options?: readonly string[];
  /**
   * Of these options those whose code stands in for that of the first plain argument. Behind any
   * other one it is read all the same.
   */
  gives?: readonly string[];
  /** One-letter options whose argument is not code, and does not count as a plain argument. */
  skip?: string;
  /** Long options with this many arguments that are not code. */
  skipLong?: Readonly<Record<string, number>>;
  /**
   * Which plain argument is code. `first` holds only when no option gives the code; `second` means
   * it and all after it.
   */
  plain?: 'first' | 'second' | 'all';
  /** The first plain argument names a file with code, unless an option gives the code. */
  script?: true;
  /** What stands where its code does is a program and its arguments. */
  runs?: true;
  /** Options count only before the first plain argument. */
  stops?: true;
  /** Plain arguments that are subcommands, and do not count. */
  words?: readonly string[];
  /** Behind one of these letters it opens its plain arguments so that a `|` in one runs it. */
  opens?: string;
  /** What stands behind `host:` is read by a shell there, unless one of these options is given. */
  remoteUnless?: readonly string[];
  /** Beginnings of settings, such as `user.name`, whose value is data wherever it stands. */
  harmless?: readonly string[];
  /** Letters with which a value may not begin: it would be more than a value. */
  marks?: string;
  /** What to write instead, where it is not an argument of a script. */
  instead?: string;
}

/** How a program takes the one that it runs. Options by their letter, or their long name. */
export interface Wrapper {
  /** How many plain arguments precede the program. */
  before: number;
  /** Letters of options with an argument. */
  skip: string;
  /** Long options whose argument is the next word. */
  long?: readonly string[];
  /** Long options without an argument; what follows any other may be one. */
  flags?: readonly string[];
  /** Options whose argument is run, or names what is run. */
  code?: readonly string[];
  /** Beginnings of arguments of `code` whose value is data all the same. */
  harmless?: readonly string[];
  /** Options that make a command line of a text: no place in it can be told. */
  splits?: readonly string[];
  /** Words such as `NAME=value` stand before the program. */
  assigns?: true;
  /** Options with the folder in which the program is started. */
  chdir?: readonly string[];
  /** Options that remove all variables, or those that they name. */
  clears?: readonly string[];
  unsets?: readonly string[];
}
