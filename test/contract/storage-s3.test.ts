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
