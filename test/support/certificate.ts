import { generateKeyPairSync, type KeyObject, sign } from 'node:crypto';

/** PEM texts. */
export interface Certificate {
  readonly key: string;
  readonly cert: string;
}

export interface Authority extends Certificate {
  /** A certificate for `host` (`localhost` unless given) and 127.0.0.1, for servers and clients. */
  issue(host?: string): Certificate;
}

/** A self-signed TLS certificate for `localhost` and 127.0.0.1 that nobody trusts (RFC 5280). */
export function selfSignedCertificate(): Certificate {
  const keys = keyPair();
  return { key: pemOf(keys.privateKey), cert: certificate('localhost', keys, 'localhost', keys) };
}

/** A certificate authority that nobody trusts yet. */
export function createAuthority(): Authority {
  const keys = keyPair();
  const name = 'an authority for tests';
  return {
    key: pemOf(keys.privateKey),
    cert: certificate(name, keys, name, keys, true),
    issue(host = 'localhost') {
      const own = keyPair();
      return { key: pemOf(own.privateKey), cert: certificate(host, own, name, keys) };
    },
  };
}

interface KeyPair {
  readonly publicKey: KeyObject;
  readonly privateKey: KeyObject;
}

function keyPair(): KeyPair {
  return generateKeyPairSync('ec', { namedCurve: 'prime256v1' });
}

function pemOf(key: KeyObject): string {
  return key.export({ type: 'pkcs8', format: 'pem' }).toString();
}

let serial = 0;

function certificate(
  subject: string,
  keys: KeyPair,
  issuer: string,
  issuerKeys: KeyPair,
  isAuthority = false,
): string {
  const ecdsaWithSha256 = sequence(objectId('2a8648ce3d040302'));
  const validity = sequence(time('20200101000000Z'), time('20990101000000Z'));
  const alternatives = sequence(
    der(0x82, Buffer.from(subject)),
    der(0x87, Buffer.from([127, 0, 0, 1])),
  );
  const isTrue = der(0x01, Buffer.from([0xff]));
  const extension = isAuthority
    ? sequence(objectId('551d13'), isTrue, der(0x04, sequence(isTrue)))
    : sequence(objectId('551d11'), der(0x04, alternatives));
  serial += 1;
  const content = sequence(
    der(0xa0, der(0x02, Buffer.from([2]))),
    der(0x02, Buffer.from([serial])),
    ecdsaWithSha256,
    nameOf(issuer),
    validity,
    nameOf(subject),
    keys.publicKey.export({ type: 'spki', format: 'der' }),
    der(0xa3, sequence(extension)),
  );
  const signature = sign('sha256', content, issuerKeys.privateKey);
  const bits = der(0x03, Buffer.concat([Buffer.from([0]), signature]));
  const text = sequence(content, ecdsaWithSha256, bits).toString('base64');
  // Go's PEM reader wants lines.
  const lines = text.match(/.{1,64}/g)?.join('\n');
  return `-----BEGIN CERTIFICATE-----\n${lines}\n-----END CERTIFICATE-----\n`;
}

function nameOf(commonName: string): Buffer {
  return sequence(der(0x31, sequence(objectId('550403'), der(0x0c, Buffer.from(commonName)))));
}

/** One value of X.690: tag, length, content. */
function der(tag: number, ...contents: readonly Buffer[]): Buffer {
  const content = Buffer.concat(contents);
  const size = content.byteLength;
  const long = size < 0x100 ? [0x81, size] : [0x82, size >> 8, size & 0xff];
  const length = size < 0x80 ? [size] : long;
  return Buffer.concat([Buffer.from([tag, ...length]), content]);
}

function sequence(...contents: readonly Buffer[]): Buffer {
  return der(0x30, ...contents);
}

function objectId(hex: string): Buffer {
  return der(0x06, Buffer.from(hex, 'hex'));
}

function time(text: string): Buffer {
  return der(0x18, Buffer.from(text));
}
