/** Progress that a program redraws on one line. */
const drawn = /\d\s?%|\d\s?([kKMGT]i?)?[Bb](it)?\/s|\b(ETA|eta)\b|^[\s#=.>|*[\]()\\/█▓▒░⠀-⣿-]+$/;
/** A line that is nothing but a progress bar. */
const bar = /^\s*[[(|]?[#=.>*█▓▒░\s-]*[\])|]?\s*\d{1,3}(\.\d+)?\s?%\s*$/;
const trouble = /error|fatal|fail|cannot|can't|denied|refus|unable|not |no such|full|exceed/i;

/**
 * The last lines of a program's output, for people: as a terminal would show them, without progress
 * bars.
 * @param count how many lines at most
 * @returns one line of text; empty when the program printed nothing
 */
export function lastLines(text: string, count: number): string {
  const lines = text.split('\n').map(asLeft);
  const said = lines.filter((line) => line !== '');
  return said.slice(-count).join(' ');
}

/** A carriage return overwrites the line: only what came last is visible. */
function asLeft(line: string): string {
  const pieces = line.split('\r').map((piece) => piece.trim());
  if (pieces.filter((piece) => piece !== '').length < 2) {
    const only = pieces.join('');
    return bar.test(only) ? '' : only;
  }
  const real = pieces.filter(
    (piece) => piece !== '' && (!drawn.test(piece) || trouble.test(piece)),
  );
  return real.at(-1) ?? '';
}
