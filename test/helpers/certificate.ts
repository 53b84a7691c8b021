import { generateKeyPairSync, sign, type KeyObject } from 'node:crypto';

/*
 * Certificates for tests, made as they are needed: X.509 by hand, since Node only reads them.
 */

export interface Certificate {
  key: string;
  cert: string;
  privateKey: KeyObject;
  name: string;
}

/** @param host DNS name in it @param issuer the authority; itself unless given */
export function certificateFor(name: string, host: string, issuer?: Certificate): Certificate {
  const { publicKey, privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const algorithm = der(0x30, oid('2a8648ce3d040302'));
  const isAuthority = issuer === undefined;
  const extensions = [
    // Basic constraints: may it sign others?
    extension('551d13', der(0x30, isAuthority ? der(0x01, Buffer.from([0xff])) : Buffer.alloc(0))),
    extension('551d11', der(0x30, der(0x82, Buffer.from(host)))),
  ];
  const body = der(
    0x30,
    der(0xa0, der(0x02, Buffer.from([2]))),
    der(0x02, Buffer.from([1 + Math.floor(Math.random() * 120)])),
    algorithm,
    nameOf(issuer?.name ?? name),
    der(0x30, der(0x17, Buffer.from('200101000000Z')), der(0x18, Buffer.from('21000101000000Z'))),
    nameOf(name),
    publicKey.export({ type: 'spki', format: 'der' }),
    der(0xa3, der(0x30, ...extensions)),
  );
  const signature = sign('sha256', body, issuer?.privateKey ?? privateKey);
  const whole = der(0x30, body, algorithm, der(0x03, Buffer.from([0]), signature));
  const text =
    whole
      .toString('base64')
      .match(/.{1,64}/g)
      ?.join('\n') ?? '';
  return {
    name,
    privateKey,
    key: privateKey.export({ type: 'pkcs8', format: 'pem' }) as string,
    cert: `-----BEGIN CERTIFICATE-----\n${text}\n-----END CERTIFICATE-----\n`,
  };
}

function der(tag: number, ...parts: Buffer[]): Buffer {
  const body = Buffer.concat(parts);
  const size = body.length;
  const length =
    size < 0x80 ? [size] : size < 0x100 ? [0x81, size] : [0x82, size >> 8, size & 0xff];
  return Buffer.concat([Buffer.from([tag, ...length]), body]);
}

function oid(hex: string): Buffer {
  return der(0x06, Buffer.from(hex, 'hex'));
}

function nameOf(text: string): Buffer {
  return der(0x30, der(0x31, der(0x30, oid('550403'), der(0x0c, Buffer.from(text)))));
}

function extension(id: string, value: Buffer): Buffer {
  return der(0x30, oid(id), der(0x04, value));
}
