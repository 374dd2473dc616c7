import {secret, text} from '../runner/spec.js';

/** Inputs for the database and for the store of backups, shared by every action that reaches them. */
export const backupAccessInputs = {
  'database-url': secret({
    doc: 'Address of the database, postgres://user:password@host:port/name. Default: the environment variable named by `database.url-env` of the file.',
  }),
  'storage-access-key-id': secret({
    doc: 'Access key of the backup bucket. Default: the standard AWS credential chain, so that OIDC works.',
  }),
  'storage-secret-access-key': secret({doc: 'Secret key of the backup bucket.'}),
  'storage-bucket': text({doc: 'Bucket. Default: `backup.storage.bucket` of the file.'}),
  'storage-endpoint': text({
    doc: 'Address of an S3-compatible store. Default: `backup.storage.endpoint` of the file, else AWS.',
  }),
} as const;
