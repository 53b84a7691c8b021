/** What a program draws over and over in one line, to show how far it is. */
const drawn = /\d\s?%|\d\s?([kKMGT]i?)?[Bb](it)?\/s|\b(ETA|eta)\b|^[\s#=.>|*[\]()\\/█▓▒░⠀-⣿-]+$/;
/** A line of its own that is nothing but a bar. */
const bar = /^\s*[[(|]?[#=.>*█▓▒░\s-]*[\])|]?\s*\d{1,3}(\.\d+)?\s?%\s*$/;
const trouble = /error|fatal|fail|cannot|can't|denied|refus|unable|not |no such|full|exceed/i;

/**
 * The last lines of what a program said, for people: as a terminal would have left them, without
 * progress bars.
 * @param count how many lines at most
 * @returns one line of text; empty when the program said nothing
 */
export function lastLines(text: string, count: number): string {
  const lines = text.split('\n').map(asLeft);
  const said = lines.filter((line) => line !== '');
  return said.slice(-count).join(' ');
}

/** A carriage return goes back to the beginning of the line: what came last is what is seen. */
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
