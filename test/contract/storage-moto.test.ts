import {test} from '@jest/globals';
import {openS3Store} from '../../src/storage/s3/s3-store.js';
import {programPath, startMoto, testCredentials} from './moto.js';
import {describeStore} from './storage-conformance.js';

if (programPath('moto_server')) {
  describeStore('S3 by the SDK against moto', async () => {
    const server = await startMoto('conformance');
    const store = openS3Store({
      bucket: 'conformance',
      prefix: 'some/prefix',
      region: 'us-east-1',
      endpoint: server.endpoint,
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
  });
} else {
  test.skip('moto is not installed on this machine (pip install "moto[server]")', () => {});
}
