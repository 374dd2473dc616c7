import {generateKeyPairSync, randomBytes, sign} from 'node:crypto';

/** A key and a certificate that signs itself, both PEM; the certificate is its own authority. */
export interface SelfSigned {
  readonly key: string;
  readonly cert: string;
}

/**
 * Makes a certificate for `localhost` and 127.0.0.1, so that no key lies in the repository and no program is needed.
 * X.509 version 3 (RFC 5280), ECDSA on P-256.
 */
export function selfSigned(validity: {readonly fromMs?: number; readonly toMs?: number} = {}): SelfSigned {
  const {privateKey, publicKey} = generateKeyPairSync('ec', {namedCurve: 'P-256'});
  const name = sequence(tagged(0x31, sequence(oid(0x55, 0x04, 0x03), tagged(0x0c, Buffer.from('localhost')))));
  const algorithm = sequence(oid(0x2a, 0x86, 0x48, 0xce, 0x3d, 0x04, 0x03, 0x02));
  const dates = sequence(
    time(validity.fromMs ?? Date.now() - 3_600_000),
    time(validity.toMs ?? Date.now() + 7 * 86_400_000),
  );
  const toSign = sequence(
    tagged(0xa0, tagged(0x02, Buffer.from([2]))),
    tagged(0x02, Buffer.concat([Buffer.from([1]), randomBytes(15)])),
    algorithm,
    name,
    dates,
    name,
    publicKey.export({type: 'spki', format: 'der'}),
    tagged(0xa3, sequence(alternativeNames, isAuthority)),
  );
  const signature = sign('sha256', toSign, privateKey);
  const certificate = sequence(toSign, algorithm, tagged(0x03, Buffer.from([0]), signature));
  return {key: privateKey.export({type: 'pkcs8', format: 'pem'}) as string, cert: pem(certificate)};
}

function tagged(tag: number, ...parts: readonly Buffer[]): Buffer {
  const body = Buffer.concat(parts);
  const length =
    body.length < 128
      ? [body.length]
      : body.length < 256
        ? [0x81, body.length]
        : [0x82, body.length >> 8, body.length & 255];
  return Buffer.concat([Buffer.from([tag, ...length]), body]);
}

function sequence(...parts: readonly Buffer[]): Buffer {
  return tagged(0x30, ...parts);
}

function oid(...bytes: readonly number[]): Buffer {
  return tagged(0x06, Buffer.from(bytes));
}

/** UTCTime, which holds until 2050. */
function time(ms: number): Buffer {
  return tagged(0x17, Buffer.from(`${new Date(ms).toISOString().slice(2, 19).replace(/[-:T]/g, '')}Z`));
}

const dns = tagged(0x82, Buffer.from('localhost'));
const address = tagged(0x87, Buffer.from([127, 0, 0, 1]));
const alternativeNames = sequence(oid(0x55, 0x1d, 0x11), tagged(0x04, sequence(dns, address)));
const isAuthority = sequence(oid(0x55, 0x1d, 0x13), tagged(0x04, sequence(tagged(0x01, Buffer.from([255])))));

function pem(der: Buffer): string {
  return `-----BEGIN CERTIFICATE-----\n${der.toString('base64').replace(/.{64}/g, '$&\n').trimEnd()}\n-----END CERTIFICATE-----\n`;
}
