import type { Meter } from './meter.js';

/**
 * The program that re2js makes of a pattern. Its own search is fast for nearly every pattern and
 * text, and takes half a second for some; this one pays for each of its moves.
 */
export interface PatternProgram {
  inst: readonly Instruction[];
  start: number;
  /** Two places for each group, the whole match included. */
  numCap: number;
}

interface Instruction {
  op: number;
  out: number;
  arg: number;
  matchRune(rune: number): boolean;
}

const ops = {
  alt: 1,
  altMatch: 2,
  capture: 3,
  emptyWidth: 4,
  fail: 5,
  match: 6,
  nop: 7,
  rune: 8,
  rune1: 9,
  runeAny: 10,
  runeAnyButNewline: 11,
} as const;

const conditions = {
  beginLine: 1,
  endLine: 2,
  beginText: 4,
  endText: 8,
  wordBoundary: 16,
  noWordBoundary: 32,
} as const;

/** Moves of a search that are one step of an evaluation. */
const movesAStep = 24;

/** Whether it is a program with no instruction but those known here: re2js has more than RE2. */
export function isPatternProgram(program: unknown): program is PatternProgram {
  const { inst, start, numCap } = program as Partial<PatternProgram>;
  return (
    Array.isArray(inst) &&
    typeof start === 'number' &&
    typeof numCap === 'number' &&
    (inst as Instruction[]).every(({ op }) => op >= ops.alt && op <= ops.runeAnyButNewline)
  );
}

/** Where groups began and ended on the way to a place in the program, the newest first. */
type Captures = { slot: number; at: number; before: Captures } | undefined;

/** Threads at one place of the text, the preferred ones first. */
class Threads {
  size = 0;
  readonly at: Int32Array;
  readonly captures: Captures[] = [];
  /** By instruction: the place of the text for which it was entered last. */
  readonly entered: Int32Array;

  constructor(most: number) {
    this.at = new Int32Array(most);
    this.entered = new Int32Array(most).fill(-1);
  }
}

/**
 * The first match, as Perl would find it: all threads walk the text together, so that its time is
 * the text's length times the size of the program at most.
 * @param wantsPlaces false when it is enough to know that there is a match
 * @returns where groups begin (2n) and end (2n + 1); undefined when nothing matches
 */
export function search(
  program: PatternProgram,
  text: string,
  meter: Meter,
  wantsPlaces: boolean,
): ReadonlyMap<number, number> | undefined {
  const { inst } = program;
  let [now, next] = [new Threads(inst.length), new Threads(inst.length)];
  let found: { captures: Captures } | undefined;
  const isAnchored = beginsText(program);
  const begins = beginningsOf(program);
  let rune: number;
  for (let place = 0; ; place += rune > 0xffff ? 2 : 1) {
    rune = text.codePointAt(place) ?? -1;
    let moves = 0;
    if (!found && (place === 0 || !isAnchored) && mayBegin(begins, rune)) {
      const captures = wantsPlaces ? { slot: 0, at: place, before: undefined } : undefined;
      moves = follow(inst, now, program.start, text, place, captures);
    }
    if (now.size === 0) {
      meter.payText(1);
      if (rune < 0 || found || isAnchored) break;
      continue;
    }
    const after = place + (rune > 0xffff ? 2 : 1);
    for (let thread = 0; thread < now.size; thread += 1) {
      const each = inst[now.at[thread] ?? 0] as Instruction;
      const captures = now.captures[thread];
      if (each.op === ops.match) {
        found = { captures: { slot: 1, at: place, before: captures } };
        // What is preferred less is of no interest now.
        break;
      }
      if (rune >= 0 && matches(each, rune))
        moves += follow(inst, next, each.out, text, after, captures);
    }
    meter.pay((moves + now.size) / movesAStep);
    if (rune < 0 || (found && !wantsPlaces)) break;
    [now, next] = [next, now];
    next.size = 0;
  }
  return found && placesOf(found.captures);
}

/** By ASCII character: whether a match may begin with it. `always` when it may be empty. */
const begun = new WeakMap<PatternProgram, Uint8Array | 'always'>();

function beginningsOf(program: PatternProgram): Uint8Array | 'always' {
  const known = begun.get(program);
  if (known) return known;
  const { inst } = program;
  const first = new Set<number>();
  const reach = (pc: number): void => {
    if (first.has(pc)) return;
    first.add(pc);
    const { op, out, arg } = inst[pc] as Instruction;
    if (op < ops.fail || op === ops.nop) reach(out);
    if (op === ops.alt || op === ops.altMatch) reach(arg);
  };
  reach(program.start);
  const begins = [...first].map((pc) => inst[pc] as Instruction);
  const made = begins.some(({ op }) => op === ops.match)
    ? 'always'
    : Uint8Array.from({ length: 128 }, (_unused, rune) =>
        begins.some((each) => each.op >= ops.rune && matches(each, rune)) ? 1 : 0,
      );
  begun.set(program, made);
  return made;
}

function mayBegin(begins: Uint8Array | 'always', rune: number): boolean {
  return begins === 'always' || rune > 127 || begins[rune] === 1;
}

/** Whether a match can only begin where the text does. */
function beginsText({ inst, start }: PatternProgram): boolean {
  let pc = start;
  for (;;) {
    const each = inst[pc] as Instruction;
    if (each.op === ops.emptyWidth) return (each.arg & conditions.beginText) !== 0;
    if (each.op !== ops.capture && each.op !== ops.nop) return false;
    pc = each.out;
  }
}

/**
 * Goes on to all places of the program that need a character or end it. No deeper than the program
 * is long.
 * @returns how many places it went through
 */
function follow(
  inst: readonly Instruction[],
  threads: Threads,
  pc: number,
  text: string,
  place: number,
  captures: Captures,
): number {
  if (threads.entered[pc] === place) return 1;
  threads.entered[pc] = place;
  const each = inst[pc] as Instruction;
  switch (each.op) {
    case ops.alt:
    case ops.altMatch:
      return (
        1 +
        follow(inst, threads, each.out, text, place, captures) +
        follow(inst, threads, each.arg, text, place, captures)
      );
    case ops.capture: {
      const more = captures && { slot: each.arg, at: place, before: captures };
      return 1 + follow(inst, threads, each.out, text, place, more);
    }
    case ops.emptyWidth:
      return (each.arg & ~conditionsAt(text, place)) === 0
        ? 1 + follow(inst, threads, each.out, text, place, captures)
        : 1;
    case ops.nop:
      return 1 + follow(inst, threads, each.out, text, place, captures);
    case ops.fail:
      return 1;
    default:
      threads.at[threads.size] = pc;
      if (captures) threads.captures[threads.size] = captures;
      threads.size += 1;
      return 1;
  }
}

function matches(instruction: Instruction, rune: number): boolean {
  switch (instruction.op) {
    case ops.runeAny:
      return true;
    case ops.runeAnyButNewline:
      return rune !== 10;
    default:
      return instruction.matchRune(rune);
  }
}

function conditionsAt(text: string, place: number): number {
  const [before, after] = [text.charCodeAt(place - 1), text.charCodeAt(place)];
  let met = 0;
  if (place === 0) met |= conditions.beginText | conditions.beginLine;
  if (before === 10) met |= conditions.beginLine;
  if (place >= text.length) met |= conditions.endText | conditions.endLine;
  if (after === 10) met |= conditions.endLine;
  return (
    met | (isWord(before) === isWord(after) ? conditions.noWordBoundary : conditions.wordBoundary)
  );
}

/** RE2's words are ASCII. */
function isWord(code: number): boolean {
  return (
    (code >= 97 && code <= 122) ||
    (code >= 65 && code <= 90) ||
    (code >= 48 && code <= 57) ||
    code === 95
  );
}

function placesOf(captures: Captures): Map<number, number> {
  const places = new Map<number, number>();
  for (let each = captures; each; each = each.before)
    if (!places.has(each.slot)) places.set(each.slot, each.at);
  return places;
}
