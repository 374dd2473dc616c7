import {createSign, generateKeyPairSync, type JsonWebKey, randomUUID} from 'node:crypto';
import {sendJson, startStandIn} from '../stand-in.js';
import type {IdentityClaims} from './contract.js';

/** Stands in for GitHub's issuer of identity tokens: one request address and bearer token per job, audience on demand. */
export interface IdentityIssuer extends AsyncDisposable {
  /** Issuer address; `/.well-known/openid-configuration` and `/.well-known/jwks` are served below it. */
  readonly url: string;
  /** What a job with `id-token: write` gets as ACTIONS_ID_TOKEN_REQUEST_URL and _TOKEN. */
  requestFor(claims: IdentityClaims): {readonly url: string; readonly token: string};
  close(): Promise<void>;
}

const lifetimeS = 300;

export async function startIdentityIssuer(): Promise<IdentityIssuer> {
  const {privateKey, publicKey} = generateKeyPairSync('rsa', {modulusLength: 2048});
  const kid = randomUUID();
  const key: JsonWebKey = {...publicKey.export({format: 'jwk'}), kid, alg: 'RS256', use: 'sig'};
  const jobs = new Map<string, IdentityClaims>();
  const standIn = await startStandIn(({request, response, url}) => {
    if (url.pathname === '/.well-known/jwks') return sendJson(response, 200, {keys: [key]});
    if (url.pathname === '/.well-known/openid-configuration')
      return sendJson(response, 200, {issuer: standIn.url, jwks_uri: `${standIn.url}/.well-known/jwks`});
    const claims = jobs.get(request.headers.authorization?.replace(/^bearer /i, '') ?? '');
    if (url.pathname !== '/token' || !claims) return sendJson(response, 401, {message: 'Bad credentials'});
    const audience = url.searchParams.get('audience') ?? `https://github.com/${claims.repository_owner}`;
    sendJson(response, 200, {value: sign({...claims, ...times(), iss: standIn.url, aud: audience, jti: randomUUID()})});
  });
  const sign = (payload: object) => {
    const text = [{alg: 'RS256', typ: 'JWT', kid}, payload].map((part) => encoded(JSON.stringify(part))).join('.');
    return `${text}.${createSign('RSA-SHA256').update(text).sign(privateKey, 'base64url')}`;
  };
  const requestFor = (claims: IdentityClaims) => {
    const token = `idt_${randomUUID().replaceAll('-', '')}`;
    jobs.set(token, claims);
    // The toolkit appends `&audience=…`, so there is a query already, as on GitHub.
    return {url: `${standIn.url}/token?api-version=2.0`, token};
  };
  const close = () => standIn.close();
  return {url: standIn.url, requestFor, close, [Symbol.asyncDispose]: close};
}

const encoded = (text: string) => Buffer.from(text).toString('base64url');

function times(): {iat: number; nbf: number; exp: number} {
  const nowS = Math.floor(Date.now() / 1_000);
  return {iat: nowS, nbf: nowS - 5, exp: nowS + lifetimeS};
}
