import {choice, secret, text} from '../runner/spec.js';

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

/** Keys of the second store, `backup.also`. They are the keys of another account, so no default leads from one to the other. */
export const secondStoreInputs = {
  'also-access-key-id': secret({
    doc: 'Access key of the second store, `backup.also`. Default: the standard AWS credential chain.',
  }),
  'also-secret-access-key': secret({doc: 'Secret key of the second store.'}),
} as const;

/** Which of the two stores a run works in. */
export const storeInputs = {
  ...secondStoreInputs,
  store: choice({
    options: ['storage', 'also'],
    default: 'storage',
    doc: 'Which store, by its key under `backup`: `also` works in the second one alone, for when the first is gone.',
  }),
} as const;
