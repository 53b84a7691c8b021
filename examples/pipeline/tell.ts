import { appendFileSync } from 'node:fs';
import { text } from 'node:stream/consumers';

/*
 * The channel of the example: a program that gets each message as JSON, and writes its words to the
 * file that it is given, so that whoever tries it reads what people are told.
 */

const [, , file = ''] = process.argv;
const message = JSON.parse(await text(process.stdin)) as { text: string };
appendFileSync(file, `${message.text}\n\n${'-'.repeat(80)}\n\n`, { mode: 0o600 });
