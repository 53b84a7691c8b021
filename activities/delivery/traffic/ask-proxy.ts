import { StepFailure } from '../../failure.js';

const answerMs = 5_000;

/** What to say where a proxy does not answer. */
interface Silence {
  message: string;
  next: string;
}

/**
 * Asks a proxy at an address of its own, on a new connection: a reused one may lead to an old
 * worker of it, or be closed with its old configuration.
 * @throws StepFailure Unreachable; the signal's reason once that is aborted
 */
export async function askProxy(
  address: string | URL,
  init: { method?: string; headers?: Record<string, string>; body?: string },
  { message, next }: Silence,
  signal?: AbortSignal,
): Promise<{ response: Response; text: string }> {
  const limit = AbortSignal.timeout(answerMs);
  try {
    const response = await fetch(address, {
      ...init,
      headers: { ...init.headers, connection: 'close' },
      signal: signal ? AbortSignal.any([signal, limit]) : limit,
    });
    // It may die in the middle of its answer.
    return { response, text: await response.text() };
  } catch (error) {
    if (signal?.aborted) throw signal.reason;
    const { cause } = error as { cause?: NodeJS.ErrnoException };
    throw new StepFailure('Unreachable', `${message} (${cause?.code ?? 'no answer'})`, { next });
  }
}
