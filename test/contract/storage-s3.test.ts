import {createHash, randomBytes} from 'node:crypto';
import {describe, expect, test} from '@jest/globals';
import type {S3Quirks} from '../../src/rehearsal/s3/quirks.js';
import {startS3} from '../../src/rehearsal/s3/stand-in.js';
import {openS3Store} from '../../src/storage/s3/s3-store.js';
import {testCredentials} from './moto.js';
import {describeStore} from './storage-conformance.js';

const dialects: ReadonlyArray<readonly [name: string, quirks: S3Quirks]> = [
  ['AWS', {}],
  ['Cloudflare R2: equal parts, no versions', {equalPartSizes: true, plainObjectsOnly: true}],
  ['Backblaze B2: no conditional writes, no added checksums', {conditionalWrites: 'refused', refuseChecksums: true}],
  ['a gateway that ignores conditions', {conditionalWrites: 'ignored', plainObjectsOnly: true}],
  ['a store that fails once inside a 200', {completeFailsInside200: 1}],
];

for (const [index, [name, quirks]] of dialects.entries()) {
  describeStore(
    `S3 by the SDK in the dialect of ${name}`,
    async () => {
      const server = await startS3({...testCredentials, buckets: ['conformance'], quirks});
      const store = openS3Store({
        bucket: 'conformance',
        prefix: 'some/prefix',
        region: 'us-east-1',
        endpoint: server.url,
        pathStyle: true,
        credentials: testCredentials,
      });
      return {
        store,
        close: async () => {
          store.close();
          await server.close();
        },
      };
    },
    {objects: index === 0 ? 1_050 : 60},
  );
}

describe('digests that the caller has taken already', () => {
  const MiB = 1024 * 1024;
  const body = randomBytes(20 * MiB);
  const digestOf = (index: number, size: number) =>
    createHash('sha256')
      .update(body.subarray(index * size, (index + 1) * size))
      .digest('hex');

  async function uploaded(blockSha256: (index: number, size: number) => string | undefined) {
    await using server = await startS3({...testCredentials, buckets: ['b']});
    const store = openS3Store({
      bucket: 'b',
      prefix: '',
      region: 'us-east-1',
      endpoint: server.url,
      pathStyle: true,
      credentials: testCredentials,
    });
    try {
      const outcome = await store.upload('object', chunks(body), {blockSha256}).catch((error: unknown) => error);
      const unfinished: string[] = [];
      for await (const {key} of store.unfinished('')) unfinished.push(key);
      return {outcome, unfinished, head: await store.head('object')};
    } finally {
      store.close();
    }
  }

  test('are asked for once for each full part, and signed', async () => {
    const asked: Array<readonly [number, number]> = [];
    const {head} = await uploaded((index, size) => {
      asked.push([index, size]);
      return digestOf(index, size);
    });
    expect(asked).toEqual([
      [0, 8 * MiB],
      [1, 8 * MiB],
    ]);
    expect(head?.bytes).toBe(body.length);
  });

  test('let the store refuse a part that is not what was digested, and nothing of the upload stays', async () => {
    const {outcome, unfinished, head} = await uploaded((index, size) => digestOf(index === 1 ? 0 : index, size));
    expect(outcome).toMatchObject({code: 'STORE', message: expect.stringContaining('XAmzContentSHA256Mismatch')});
    expect({unfinished, head}).toEqual({unfinished: [], head: undefined});
  });
});

async function* chunks(body: Buffer) {
  for (let at = 0; at < body.length; at += 65_536) yield body.subarray(at, at + 65_536);
}
