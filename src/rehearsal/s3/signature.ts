import {createHash, createHmac, timingSafeEqual} from 'node:crypto';
import type {IncomingMessage} from 'node:http';
import {accessDenied, invalidRequest, S3Error} from './s3-error.js';

/** What the stand-in accepts as a signer. */
export interface Credentials {
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
  /** Temporary credentials: every request must carry this token. */
  readonly sessionToken?: string;
}

/** What the body still has to prove, and the key that signed chunks are checked with. */
export interface Signed {
  /** Value of x-amz-content-sha256, or UNSIGNED-PAYLOAD for presigned requests. */
  readonly payload: string;
  readonly signature: string;
  readonly amzDate: string;
  readonly scope: string;
  readonly key: Buffer;
}

const maxSkewMs = 15 * 60_000;
const algorithm = 'AWS4-HMAC-SHA256';

/**
 * Checks AWS Signature Version 4, in the Authorization header or presigned in the query.
 * @throws S3Error with the code that S3 gives for each defect.
 */
export function verifySignature(
  request: IncomingMessage,
  known: readonly Credentials[],
  region: string,
  nowMs: number,
): Signed {
  const target = splitTarget(request.url ?? '/');
  const claim = target.query.some(([name]) => name === 'X-Amz-Signature')
    ? presignedClaim(target.query, nowMs)
    : headerClaim(request, nowMs);
  const credentials = known.find((one) => one.accessKeyId === claim.accessKeyId);
  if (!credentials) {
    throw new S3Error(403, 'InvalidAccessKeyId', 'The AWS Access Key Id you provided does not exist in our records.', {
      AWSAccessKeyId: claim.accessKeyId,
    });
  }
  checkToken(credentials, claim.token);
  checkScope(claim, region);
  checkSignedHeaders(request, claim.signedHeaders);
  const canonical = canonicalRequest(request, target, claim);
  const scope = `${claim.date}/${claim.region}/s3/aws4_request`;
  const toSign = [algorithm, claim.amzDate, scope, sha256(canonical)].join('\n');
  const key = signingKey(credentials.secretAccessKey, claim.date, claim.region);
  if (!sameText(hmac(key, toSign).toString('hex'), claim.signature)) {
    throw new S3Error(
      403,
      'SignatureDoesNotMatch',
      'The request signature we calculated does not match the signature you provided. Check your key and signing method.',
      {
        AWSAccessKeyId: claim.accessKeyId,
        StringToSign: toSign,
        SignatureProvided: claim.signature,
        CanonicalRequest: canonical,
      },
    );
  }
  return {payload: claim.payload, signature: claim.signature, amzDate: claim.amzDate, scope, key};
}

interface Claim {
  readonly accessKeyId: string;
  readonly date: string;
  readonly region: string;
  readonly service: string;
  readonly amzDate: string;
  readonly signedHeaders: readonly string[];
  readonly signature: string;
  readonly payload: string;
  readonly token: string | undefined;
  readonly presigned: boolean;
}

function headerClaim(request: IncomingMessage, nowMs: number): Claim {
  const header = request.headers.authorization;
  if (header === undefined) throw accessDenied();
  const fields = new Map(
    [...header.matchAll(/(Credential|SignedHeaders|Signature)=([^,\s]+)/g)].map((m) => [m[1]!, m[2]!]),
  );
  if (!header.startsWith(`${algorithm} `) || fields.size !== 3) {
    throw invalidRequest(
      'The authorization mechanism you have provided is not supported. Please use AWS4-HMAC-SHA256.',
    );
  }
  const amzDate = one(request.headers['x-amz-date']);
  if (!/^\d{8}T\d{6}Z$/.test(amzDate))
    throw accessDenied('AWS authentication requires a valid Date or x-amz-date header');
  checkSkew(amzDate, nowMs);
  const payload = one(request.headers['x-amz-content-sha256']);
  if (!payload) throw invalidRequest('Missing required header for this request: x-amz-content-sha256');
  return {
    ...credentialScope(fields.get('Credential')!),
    amzDate,
    signedHeaders: fields.get('SignedHeaders')!.split(';'),
    signature: fields.get('Signature')!,
    payload,
    token: one(request.headers['x-amz-security-token']) || undefined,
    presigned: false,
  };
}

function presignedClaim(query: readonly Pair[], nowMs: number): Claim {
  const field = (name: string) => query.find(([key]) => key === name)?.[1];
  const [amzDate, expires] = [field('X-Amz-Date') ?? '', Number(field('X-Amz-Expires'))];
  const missing = ['X-Amz-Algorithm', 'X-Amz-Credential', 'X-Amz-SignedHeaders', 'X-Amz-Expires', 'X-Amz-Date'].find(
    (name) => field(name) === undefined,
  );
  if (
    missing ||
    field('X-Amz-Algorithm') !== algorithm ||
    !/^\d{8}T\d{6}Z$/.test(amzDate) ||
    !(expires > 0 && expires <= 604_800)
  ) {
    throw new S3Error(
      400,
      'AuthorizationQueryParametersError',
      `Query-string authentication version 4 requires valid X-Amz-Algorithm, X-Amz-Credential, X-Amz-Signature, X-Amz-Date, X-Amz-SignedHeaders, and X-Amz-Expires (at most 604800)${missing ? `; missing ${missing}` : ''}`,
    );
  }
  const signedAtMs = epochMs(amzDate);
  if (signedAtMs - nowMs > maxSkewMs) throw accessDenied('Request is not valid yet');
  if (nowMs > signedAtMs + expires * 1_000) {
    throw new S3Error(403, 'AccessDenied', 'Request has expired', {
      'X-Amz-Expires': String(expires),
      ServerTime: new Date(nowMs).toISOString(),
    });
  }
  return {
    ...credentialScope(field('X-Amz-Credential')!),
    amzDate,
    signedHeaders: field('X-Amz-SignedHeaders')!.split(';'),
    signature: field('X-Amz-Signature')!,
    payload: field('X-Amz-Content-Sha256') ?? 'UNSIGNED-PAYLOAD',
    token: field('X-Amz-Security-Token'),
    presigned: true,
  };
}

function credentialScope(credential: string): Pick<Claim, 'accessKeyId' | 'date' | 'region' | 'service'> {
  const parts = credential.split('/');
  const [date, region, service, end] = parts.slice(-4);
  if (parts.length < 5 || end !== 'aws4_request') {
    throw new S3Error(
      400,
      'AuthorizationHeaderMalformed',
      'The authorization header is malformed; the Credential is mal-formed; expecting "<YOUR-AKID>/YYYYMMDD/REGION/SERVICE/aws4_request".',
    );
  }
  return {accessKeyId: parts.slice(0, -4).join('/'), date: date!, region: region!, service: service!};
}

function checkScope(claim: Claim, region: string): void {
  const malformed = (what: string, fields: Record<string, string> = {}) =>
    new S3Error(400, 'AuthorizationHeaderMalformed', `The authorization header is malformed; ${what}`, fields);
  if (claim.service !== 's3') throw malformed(`incorrect service "${claim.service}". This endpoint belongs to "s3".`);
  if (claim.region !== region)
    throw malformed(`the region '${claim.region}' is wrong; expecting '${region}'`, {Region: region});
  if (!claim.amzDate.startsWith(claim.date))
    throw malformed(`Invalid credential date "${claim.date}". This date is not the same as X-Amz-Date.`);
}

function checkToken(credentials: Credentials, token: string | undefined): void {
  if (credentials.sessionToken === token) return;
  throw credentials.sessionToken === undefined || token !== undefined
    ? new S3Error(400, 'InvalidToken', 'The provided token is malformed or otherwise invalid.')
    : accessDenied();
}

function checkSkew(amzDate: string, nowMs: number): void {
  if (Math.abs(epochMs(amzDate) - nowMs) <= maxSkewMs) return;
  throw new S3Error(
    403,
    'RequestTimeTooSkewed',
    'The difference between the request time and the current time is too large.',
    {
      RequestTime: amzDate,
      ServerTime: new Date(nowMs).toISOString(),
      MaxAllowedSkewMilliseconds: String(maxSkewMs),
    },
  );
}

/** Host and every x-amz- header must be covered, or a stranger could add one to a signed request. */
function checkSignedHeaders(request: IncomingMessage, signed: readonly string[]): void {
  const loose = Object.keys(request.headers).filter(
    (name) =>
      (name === 'host' || name.startsWith('x-amz-')) && !signed.includes(name) && name !== 'x-amz-content-sha256',
  );
  if (loose.length > 0)
    throw new S3Error(403, 'AccessDenied', 'There were headers present in the request which were not signed', {
      HeadersNotSigned: loose.join(', '),
    });
}

function canonicalRequest(request: IncomingMessage, target: Target, claim: Claim): string {
  const query = target.query
    .filter(([name]) => !(claim.presigned && name === 'X-Amz-Signature'))
    .map(([name, value]) => [encode(name), encode(value)] as const)
    .sort(([a, x], [b, y]) => (a === b ? compare(x, y) : compare(a, b)))
    .map((pair) => pair.join('='))
    .join('&');
  const headers = claim.signedHeaders.map((name) => `${name}:${headerValue(request, name)}\n`).join('');
  return [
    request.method,
    target.path
      .split('/')
      .map((part) => encode(decode(part)))
      .join('/'),
    query,
    headers,
    claim.signedHeaders.join(';'),
    claim.payload,
  ].join('\n');
}

function headerValue(request: IncomingMessage, name: string): string {
  const values: string[] = [];
  for (let i = 0; i < request.rawHeaders.length; i += 2) {
    if (request.rawHeaders[i]!.toLowerCase() === name)
      values.push(request.rawHeaders[i + 1]!.trim().replace(/ +/g, ' '));
  }
  return values.join(',');
}

type Pair = readonly [name: string, value: string];

interface Target {
  readonly path: string;
  readonly query: readonly Pair[];
}

function splitTarget(url: string): Target {
  const mark = url.indexOf('?');
  const path = mark < 0 ? url : url.slice(0, mark);
  const query =
    mark < 0
      ? []
      : url
          .slice(mark + 1)
          .split('&')
          .filter(Boolean);
  return {
    path,
    query: query.map((pair) => [
      decode(pair.split('=')[0]!),
      decode(pair.includes('=') ? pair.slice(pair.indexOf('=') + 1) : ''),
    ]),
  };
}

function decode(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    throw new S3Error(400, 'InvalidURI', "Couldn't parse the specified URI.");
  }
}

/** RFC 3986: everything but the unreserved characters, upper case. */
function encode(text: string): string {
  return encodeURIComponent(text).replace(
    /[!'()*]/g,
    (character) => `%${character.charCodeAt(0).toString(16).toUpperCase()}`,
  );
}

function signingKey(secret: string, date: string, region: string): Buffer {
  return ['s3', 'aws4_request'].reduce((key, part) => hmac(key, part), hmac(hmac(`AWS4${secret}`, date), region));
}

export function hmac(key: string | Buffer, text: string): Buffer {
  return createHmac('sha256', key).update(text).digest();
}

export function sha256(text: string | Buffer): string {
  return createHash('sha256').update(text).digest('hex');
}

export function sameText(a: string, b: string): boolean {
  const [x, y] = [Buffer.from(a), Buffer.from(b)];
  return x.length === y.length && timingSafeEqual(x, y);
}

function compare(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

function epochMs(amzDate: string): number {
  return Date.parse(amzDate.replace(/^(\d{4})(\d\d)(\d\d)T(\d\d)(\d\d)(\d\d)Z$/, '$1-$2-$3T$4:$5:$6Z'));
}

function one(value: string | string[] | undefined): string {
  return Array.isArray(value) ? value.join(',') : (value ?? '');
}
