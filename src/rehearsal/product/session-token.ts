import {generateKeyPairSync, type KeyObject, sign} from 'node:crypto';

/** Signs session tokens as an identity service does; the backend knows the public key only. */
export interface Signer {
  /** PEM. */
  readonly publicKey: string;
  /** A token of one user who acts for one organisation. */
  token(user: string, organisation: string): string;
}

const lifetimeS = 24 * 3_600;

export function openSigner(issuer: string): Signer {
  const {publicKey, privateKey} = generateKeyPairSync('rsa', {modulusLength: 2048});
  return {
    publicKey: publicKey.export({type: 'spki', format: 'pem'}) as string,
    token: (user, organisation) => {
      const nowS = Math.floor(Date.now() / 1_000);
      const o = {id: organisation, rol: 'member', slg: organisation.replace(/^org_/, '')};
      return signed({iss: issuer, sub: user, iat: nowS, nbf: nowS, exp: nowS + lifetimeS, v: 2, o}, privateKey);
    },
  };
}

function signed(claims: object, key: KeyObject): string {
  const part = (value: object) => Buffer.from(JSON.stringify(value)).toString('base64url');
  const body = `${part({alg: 'RS256', typ: 'JWT'})}.${part(claims)}`;
  return `${body}.${sign('sha256', Buffer.from(body), key).toString('base64url')}`;
}
