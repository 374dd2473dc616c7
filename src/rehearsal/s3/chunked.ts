import {S3Error} from './s3-error.js';
import {hmac, type Signed, sameText, sha256} from './signature.js';

const emptyHash = sha256('');

/**
 * Decodes `aws-chunked`: chunks of `size[;chunk-signature=…]`, an empty last chunk, then trailers. Signed variants are
 * verified chunk by chunk, each signature covering the one before.
 * @param trailers filled with the trailers once the last byte was read.
 */
export async function* decodeChunks(
  source: AsyncIterable<Buffer>,
  signed: Signed,
  trailerName: string | undefined,
  trailers: Map<string, string>,
): AsyncGenerator<Buffer> {
  const input = new ByteReader(source);
  const isSigned = signed.payload.startsWith('STREAMING-AWS4-HMAC-SHA256-PAYLOAD');
  let previous = signed.signature;
  for (;;) {
    const [sizeText, extension] = (await input.line()).split(';');
    if (!/^[0-9a-fA-F]{1,8}$/.test(sizeText ?? '')) throw malformed();
    const size = Number.parseInt(sizeText!, 16);
    if (isSigned) {
      const chunk = Buffer.concat(await gather(input.bytes(size)));
      previous = checkChunk(signed, previous, chunk, extension);
      if (size > 0) yield chunk;
    } else yield* input.bytes(size);
    if (size === 0) break;
    if ((await input.line()) !== '') throw malformed();
  }
  await readTrailers(input, trailers);
  if (trailerName !== undefined && !trailers.has(trailerName)) throw malformedTrailer();
  if (signed.payload === 'STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER') checkTrailer(signed, previous, trailers);
}

async function readTrailers(input: ByteReader, trailers: Map<string, string>): Promise<void> {
  for (let line = await input.line(true); line !== ''; line = await input.line(true)) {
    const colon = line.indexOf(':');
    if (colon < 1) throw malformedTrailer();
    trailers.set(line.slice(0, colon).trim().toLowerCase(), line.slice(colon + 1).trim());
  }
}

function checkChunk(signed: Signed, previous: string, chunk: Buffer, extension: string | undefined): string {
  const stated = /^chunk-signature=([0-9a-f]{64})$/.exec(extension ?? '')?.[1] ?? '';
  const toSign = ['AWS4-HMAC-SHA256-PAYLOAD', signed.amzDate, signed.scope, previous, emptyHash, sha256(chunk)].join(
    '\n',
  );
  return checkSignature(signed, toSign, stated);
}

function checkTrailer(signed: Signed, previous: string, trailers: ReadonlyMap<string, string>): void {
  const lines = [...trailers]
    .filter(([name]) => name !== 'x-amz-trailer-signature')
    .map(([name, value]) => `${name}:${value}\n`)
    .join('');
  const toSign = ['AWS4-HMAC-SHA256-TRAILER', signed.amzDate, signed.scope, previous, sha256(lines)].join('\n');
  checkSignature(signed, toSign, trailers.get('x-amz-trailer-signature') ?? '');
}

function checkSignature(signed: Signed, toSign: string, stated: string): string {
  const expected = hmac(signed.key, toSign).toString('hex');
  if (!sameText(expected, stated))
    throw new S3Error(
      403,
      'SignatureDoesNotMatch',
      'The request signature we calculated does not match the signature you provided. Check your key and signing method.',
      {StringToSign: toSign},
    );
  return expected;
}

async function gather(source: AsyncIterable<Buffer>): Promise<Buffer[]> {
  const chunks: Buffer[] = [];
  for await (const chunk of source) chunks.push(chunk);
  return chunks;
}

const malformed = () =>
  new S3Error(400, 'InvalidChunkSizeError', 'The chunk framing of the aws-chunked body is not valid');
const malformedTrailer = () =>
  new S3Error(
    400,
    'MalformedTrailerError',
    'The request contained trailing data that was not well-formed or did not conform to our published schema.',
  );

/** Lines and counted bytes from a stream of buffers. */
class ByteReader {
  #source: AsyncIterator<Buffer>;
  #buffer: Buffer = Buffer.alloc(0);

  constructor(source: AsyncIterable<Buffer>) {
    this.#source = source[Symbol.asyncIterator]();
  }

  /** The next line without its end; at the end of input an error, or '' when `endIsEmpty`. */
  async line(endIsEmpty = false): Promise<string> {
    for (;;) {
      const at = this.#buffer.indexOf('\n');
      if (at >= 0)
        return this.#take(at + 1)
          .toString('latin1')
          .replace(/\r?\n$/, '');
      if (this.#buffer.length > 8_192) throw malformed();
      if (!(await this.#more())) {
        if (endIsEmpty && this.#buffer.length === 0) return '';
        throw new S3Error(400, 'IncompleteBody', 'The request body terminated unexpectedly');
      }
    }
  }

  async *bytes(count: number): AsyncGenerator<Buffer> {
    for (let left = count; left > 0; ) {
      if (this.#buffer.length === 0 && !(await this.#more()))
        throw new S3Error(400, 'IncompleteBody', 'The request body terminated unexpectedly');
      const chunk = this.#take(Math.min(left, this.#buffer.length));
      left -= chunk.length;
      yield chunk;
    }
  }

  #take(count: number): Buffer {
    const taken = this.#buffer.subarray(0, count);
    this.#buffer = this.#buffer.subarray(count);
    return taken;
  }

  async #more(): Promise<boolean> {
    const next = await this.#source.next();
    if (next.done) return false;
    this.#buffer = this.#buffer.length === 0 ? next.value : Buffer.concat([this.#buffer, next.value]);
    return true;
  }
}
