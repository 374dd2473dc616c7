import type {IncomingMessage} from 'node:http';
import type {Blob, BlobStore} from './blob.js';
import {type Checksum, type ChecksumName, checksumNames, isChecksumName, startChecksum, startHash} from './checksum.js';
import {decodeChunks} from './chunked.js';
import {invalidRequest, notImplemented, S3Error} from './s3-error.js';
import type {Signed} from './signature.js';

/** A body that was stored and found to be what its headers and trailers said. */
export interface Received {
  readonly blob: Blob;
  readonly md5: Buffer;
  /** The one additional checksum that the client sent. */
  readonly checksum?: {readonly name: ChecksumName; readonly value: Buffer};
}

/**
 * Streams a request's body into the store while checking everything it claims: payload hash, length, Content-MD5, and
 * the checksum in a header or trailer. A body that fails is not kept.
 */
export async function receiveBody(request: IncomingMessage, signed: Signed, blobs: BlobStore): Promise<Received> {
  const claims = readClaims(request, signed);
  const md5 = startHash('md5');
  const payload = claims.payloadHash === undefined ? undefined : startHash('sha256');
  const checksum = claims.checksumName === undefined ? undefined : startChecksum(claims.checksumName);
  const trailers = new Map<string, string>();
  const raw = claims.chunked ? decodeChunks(request, signed, claims.trailerName, trailers) : rawChunks(request);
  const blob = await blobs.write(feed(raw, [md5, payload, checksum]));
  try {
    return {blob, ...prove(claims, blob.size, md5.digest(), payload?.digest(), checksum?.digest(), trailers)};
  } catch (error) {
    await blob.release();
    throw error;
  }
}

interface Claims {
  readonly chunked: boolean;
  readonly length: number;
  readonly payloadHash: string | undefined;
  readonly contentMd5: Buffer | undefined;
  readonly checksumName: ChecksumName | undefined;
  readonly checksumValue: string | undefined;
  readonly trailerName: string | undefined;
}

function readClaims(request: IncomingMessage, signed: Signed): Claims {
  const headers = request.headers;
  const chunked = signed.payload.startsWith('STREAMING-');
  if (chunked && !/(^|,)\s*aws-chunked\b/.test(String(headers['content-encoding'] ?? 'aws-chunked')))
    throw invalidRequest('The content-encoding must hold aws-chunked');
  if (!chunked && headers['transfer-encoding']) throw notImplemented('Transfer-Encoding');
  const length = headers[chunked ? 'x-amz-decoded-content-length' : 'content-length'];
  if (length === undefined)
    throw new S3Error(411, 'MissingContentLength', 'You must provide the Content-Length HTTP header.');
  if (Number(length) > 5 * 1024 ** 3)
    throw new S3Error(400, 'EntityTooLarge', 'Your proposed upload exceeds the maximum allowed size', {
      ProposedSize: String(length),
    });
  return {
    chunked,
    length: Number(length),
    payloadHash: /^[0-9a-f]{64}$/.test(signed.payload) ? signed.payload : knownPayload(signed.payload),
    contentMd5: contentMd5(headers['content-md5']),
    ...checksumClaim(headers),
  };
}

function knownPayload(payload: string): undefined {
  const known = [
    'UNSIGNED-PAYLOAD',
    'STREAMING-UNSIGNED-PAYLOAD-TRAILER',
    'STREAMING-AWS4-HMAC-SHA256-PAYLOAD',
    'STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER',
  ];
  if (!known.includes(payload))
    throw new S3Error(
      400,
      'InvalidArgument',
      'x-amz-content-sha256 must be UNSIGNED-PAYLOAD, STREAMING-..., or a valid sha256 value.',
    );
  return undefined;
}

function contentMd5(header: string | string[] | undefined): Buffer | undefined {
  if (header === undefined) return undefined;
  const value = Buffer.from(String(header), 'base64');
  if (value.length !== 16)
    throw new S3Error(400, 'InvalidDigest', 'The Content-MD5 you specified was invalid.', {
      'Content-MD5': String(header),
    });
  return value;
}

function checksumClaim(
  headers: IncomingMessage['headers'],
): Pick<Claims, 'checksumName' | 'checksumValue' | 'trailerName'> {
  const sent = checksumNames.filter((name) => headers[`x-amz-checksum-${name}`] !== undefined);
  const trailer =
    headers['x-amz-trailer'] === undefined ? undefined : String(headers['x-amz-trailer']).trim().toLowerCase();
  if (sent.length + (trailer ? 1 : 0) > 1)
    throw invalidRequest('Expecting a single x-amz-checksum- header. Multiple checksum Types are not allowed.');
  const trailerChecksum = trailer?.replace('x-amz-checksum-', '');
  if (trailerChecksum !== undefined && !isChecksumName(trailerChecksum))
    throw invalidRequest('The value specified in the x-amz-trailer header is not supported');
  const name = sent[0] ?? trailerChecksum;
  return {
    checksumName: name,
    checksumValue: sent[0] ? String(headers[`x-amz-checksum-${sent[0]}`]) : undefined,
    trailerName: trailer,
  };
}

async function* rawChunks(request: IncomingMessage): AsyncGenerator<Buffer> {
  for await (const chunk of request) yield chunk as Buffer;
}

async function* feed(
  source: AsyncIterable<Buffer>,
  sinks: ReadonlyArray<Checksum | undefined>,
): AsyncGenerator<Buffer> {
  for await (const chunk of source) {
    for (const sink of sinks) sink?.update(chunk);
    yield chunk;
  }
}

function prove(
  claims: Claims,
  size: number,
  md5: Buffer,
  payload: Buffer | undefined,
  checksum: Buffer | undefined,
  trailers: ReadonlyMap<string, string>,
): Omit<Received, 'blob'> {
  if (size !== claims.length) {
    throw new S3Error(
      400,
      'IncompleteBody',
      'You did not provide the number of bytes specified by the Content-Length HTTP header',
      {Expected: String(claims.length), Received: String(size)},
    );
  }
  if (payload && payload.toString('hex') !== claims.payloadHash) {
    throw new S3Error(
      400,
      'XAmzContentSHA256Mismatch',
      "The provided 'x-amz-content-sha256' header does not match what was computed.",
      {
        ClientComputedContentSHA256: claims.payloadHash!,
        S3ComputedContentSHA256: payload.toString('hex'),
      },
    );
  }
  if (claims.contentMd5 && !claims.contentMd5.equals(md5))
    throw new S3Error(400, 'BadDigest', 'The Content-MD5 you specified did not match what we received.');
  if (claims.checksumName === undefined || checksum === undefined) return {md5};
  const stated = claims.checksumValue ?? trailers.get(claims.trailerName!);
  if (stated === undefined)
    throw new S3Error(
      400,
      'MalformedTrailerError',
      'The request contained trailing data that was not well-formed or did not conform to our published schema.',
    );
  checkStated(claims.checksumName, stated, checksum);
  return {md5, checksum: {name: claims.checksumName, value: checksum}};
}

function checkStated(name: ChecksumName, stated: string, actual: Buffer): void {
  const value = Buffer.from(stated, 'base64');
  if (value.length !== actual.length) throw invalidRequest(`Value for x-amz-checksum-${name} header is invalid.`);
  if (!value.equals(actual))
    throw new S3Error(
      400,
      'BadDigest',
      `The ${name.toUpperCase()} you specified did not match the calculated checksum.`,
    );
}
