/** Ways in which other servers differ from S3; each is off unless named. */
export interface S3Quirks {
  /** `refused`: 501 NotImplemented, as Backblaze B2. `ignored`: accepted and not honoured, as some gateways. */
  conditionalWrites?: 'refused' | 'ignored';
  /** Additional checksums and trailers on uploads are answered with 501, as older compatible servers. */
  refuseChecksums?: boolean;
  /** Parts but the last must have one size, as Cloudflare R2. */
  equalPartSizes?: boolean;
  /** No versioning, object lock or tagging: 501, as R2 and Railway buckets. */
  plainObjectsOnly?: boolean;
  /** Lists stop silently after so many entries, with IsTruncated false. */
  listingCutAt?: number;
  /** ListMultipartUploads finds an upload only under its exact key, as MinIO. */
  uploadsByExactKey?: boolean;
  /** Default 10 000; Scaleway allows 1 000. */
  maxParts?: number;
  /** Default 5 MiB. */
  minPartSize?: number;
  /** Each answer waits so long. */
  delayMs?: number;
  /** So many CompleteMultipartUpload answers are 200 with an error document, nothing being completed. */
  completeFailsInside200?: number;
}
