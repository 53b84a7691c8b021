import { describe, expect, test } from '@jest/globals';
import {
  addressText,
  numbersOf,
  parseAddress,
} from '../../../activities/delivery/traffic/address.js';

describe('the address of a server', () => {
  test.each([
    ['10.0.0.7:8080', '10.0.0.7:8080'],
    ['[::1]:8080', '[::1]:8080'],
    ['[2001:0DB8:0:0:0:0:0:7]:80', '[2001:db8::7]:80'],
    ['[::ffff:10.0.0.7]:80', '[::ffff:a00:7]:80'],
    ['2001:db8:0:0:0:0:0:7:8080', '[2001:db8::7]:8080'],
    ['App.Internal:8080', 'app.internal:8080'],
    ['app_1:8080', 'app_1:8080'],
    ['localhost:65535', 'localhost:65535'],
    ['unix:/run/app.sock', 'unix:/run/app.sock'],
    ['unix@/run/app.sock', 'unix:/run/app.sock'],
    ['unix//run/app.sock', 'unix:/run/app.sock'],
  ])('%s is %s', (text, same) => {
    const parsed = parseAddress(text);
    expect(parsed && addressText(parsed)).toBe(same);
    // The one text of it is read as the same again.
    expect(parseAddress(same)).toEqual(parsed);
  });

  test.each([
    '',
    'unix',
    ':8080',
    '10.0.0.7',
    '10.0.0.7:0',
    '10.0.0.7:65536',
    '10.0.0.256:80',
    '10.0.0:80',
    '::1',
    '[::1]',
    '[10.0.0.7]:80',
    '[fe80::1%eth0]:80',
    '[::1:80',
    'app..internal:80',
    '-app:80',
    'app:80; disable server web/green',
    'app:80\nset',
    'unix:run/app.sock',
    'unix:/run/a b',
    'unix:/run/app.sock; server 10.0.0.1',
    'unix:/run/{env.HOME}',
    'unix:/run/$host',
  ])('%j is none', (text) => expect(parseAddress(text)).toBeUndefined());

  test('without brackets, a port that may be a part of the address is not guessed', () => {
    for (const text of ['2001:db8::7', '::1:8080', '2001:db8::7:8080'])
      expect(parseAddress(text)).toBeUndefined();
  });

  test('a name has the numbers that it is known by', async () => {
    const of = async (text: string) => numbersOf(parseAddress(text)!);
    expect(await of('[::1]:80')).toEqual(['[::1]:80']);
    expect(await of('localhost:80')).toEqual(expect.arrayContaining(['127.0.0.1:80']));
    expect(await of('no-such-host.invalid:80')).toEqual([]);
    expect(await of('unix:/run/app.sock')).toEqual([]);
  });
});
