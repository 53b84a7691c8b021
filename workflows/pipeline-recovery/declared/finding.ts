/** Something about a declared table that people have to know. */
export interface Finding {
  /** `wrong`: nothing can be proved; `forbidden`: something cannot be done; `doubtful`: neither. */
  weight: 'wrong' | 'forbidden' | 'doubtful';
  what: string;
  found: string;
  fix: string;
}
