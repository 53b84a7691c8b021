import { AsyncResource } from 'node:async_hooks';
import http, { type ClientRequest, type IncomingMessage } from 'node:http';
import https from 'node:https';
import { syncBuiltinESMExports } from 'node:module';

type Listener = (response: IncomingMessage) => void;
type Request = (url: URL, options: http.RequestOptions, heard?: Listener) => ClientRequest;

/** Both are called in the context of whoever asks. */
interface Watcher {
  sent: () => void;
  /** False: the answer has come, and the asker never hears of it. */
  isHeard: () => boolean;
}

/** Watches every request over HTTP that this process sends from now on. */
export function watchRequests({ sent, isHeard }: Watcher): void {
  for (const library of [http, https] as { request: Request }[]) {
    const { request } = library;
    library.request = (url, options, heard) => {
      sent();
      const listener = AsyncResource.bind((response: IncomingMessage) => {
        if (isHeard()) heard?.(response);
      });
      return request(url, options, listener);
    };
  }
  // So that imports of the function itself see it, too.
  syncBuiltinESMExports();
}
