/** Errors behind one error that are looked at. */
const mostCauses = 20;

/**
 * The same error without its stack trace, nor those of its causes: what crosses Temporal is read by
 * operators, in the UI and in results.
 */
export function withoutStack<E>(error: E): E {
  let each: unknown = error;
  for (let count = 0; each instanceof Error && count < mostCauses; count += 1) {
    delete each.stack;
    each = each.cause;
  }
  return error;
}
