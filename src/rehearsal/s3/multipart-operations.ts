import {createHash, randomBytes} from 'node:crypto';
import {readBlobs} from './blob.js';
import {receiveBody} from './body.js';
import {type Bucket, bareEtag, type Part, type Upload, type Version} from './bucket.js';
import {
  bucketOf,
  type Call,
  conditionOf,
  header,
  headerLock,
  headerTags,
  type Operation,
  readXml,
  sendEmpty,
  sendXml,
  storedHeaders,
} from './call.js';
import {isChecksumName, startChecksum, startHash} from './checksum.js';
import {listPage} from './listing.js';
import {
  checkedKey,
  checksumOf,
  commitCheck,
  copySource,
  integerOf,
  isoTime,
  rangeOf,
  refuseChecksums,
  statedChecksum,
  versionHeader,
} from './object-operations.js';
import {invalidArgument, invalidRequest, malformedXml, S3Error} from './s3-error.js';
import {childText, type XmlNode} from './xml.js';

/** Multipart uploads, by S3's names. */
export const multipartOperations: Readonly<Record<string, Operation>> = {
  CreateMultipartUpload: createUpload,
  UploadPart: uploadPart,
  UploadPartCopy: uploadPartCopy,
  CompleteMultipartUpload: completeUpload,
  AbortMultipartUpload: abortUpload,
  ListParts: listParts,
  ListMultipartUploads: listUploads,
};

function createUpload(call: Call): void {
  const bucket = bucketOf(call);
  refuseChecksums(call);
  const upload: Upload = {
    id: randomBytes(24).toString('base64url'),
    key: checkedKey(call.address.key),
    startedMs: call.state.now(),
    headers: storedHeaders(call),
    tags: headerTags(call),
    ...headerLock(call, bucket, true),
    ...declaredChecksum(call),
    parts: new Map(),
  };
  bucket.uploads.set(upload.id, upload);
  const checksum: Record<string, string> = upload.checksum
    ? {'x-amz-checksum-algorithm': upload.checksum.name.toUpperCase(), 'x-amz-checksum-type': upload.checksum.type}
    : {};
  sendXml(call, 'InitiateMultipartUploadResult', {Bucket: bucket.name, Key: upload.key, UploadId: upload.id}, checksum);
}

function declaredChecksum(call: Call): Pick<Upload, 'checksum'> {
  const name = header(call, 'x-amz-checksum-algorithm')?.toLowerCase();
  if (name === undefined) return {};
  if (!isChecksumName(name))
    throw invalidRequest(
      'Checksum algorithm provided is unsupported. Please try again with any of the valid types: [CRC32, CRC32C, CRC64NVME, SHA1, SHA256]',
    );
  const type = header(call, 'x-amz-checksum-type') ?? (name === 'crc64nvme' ? 'FULL_OBJECT' : 'COMPOSITE');
  const possible = type === 'FULL_OBJECT' ? name.startsWith('crc') : type === 'COMPOSITE' && name !== 'crc64nvme';
  if (!possible) throw invalidRequest(`The ${type} checksum type cannot be used with the ${name} checksum algorithm.`);
  return {checksum: {name, type: type as 'FULL_OBJECT' | 'COMPOSITE'}};
}

async function uploadPart(call: Call): Promise<void> {
  const {bucket, upload, number} = partTarget(call);
  refuseChecksums(call);
  const received = await receiveBody(call.request, call.signed, call.state.blobs);
  const part: Part = {
    number,
    blob: received.blob,
    etag: received.md5.toString('hex'),
    lastModifiedMs: call.state.now(),
    ...(received.checksum ? {checksum: received.checksum} : {}),
  };
  await keepPart(bucket, upload, part);
  const checksum: Record<string, string> = part.checksum
    ? {[`x-amz-checksum-${part.checksum.name}`]: part.checksum.value.toString('base64')}
    : {};
  sendEmpty(call, 200, {etag: `"${part.etag}"`, ...checksum});
}

async function uploadPartCopy(call: Call): Promise<void> {
  const {bucket, upload, number} = partTarget(call);
  const source = copySource(call).version;
  const [start, end] = rangeOf(header(call, 'x-amz-copy-source-range'), source.size) ?? [0, source.size];
  const md5 = startHash('md5');
  const tee = async function* () {
    for await (const chunk of readBlobs(source.blobs, start, end)) {
      md5.update(chunk);
      yield chunk;
    }
  };
  const blob = await call.state.blobs.write(tee());
  const declared = upload.checksum && {
    name: upload.checksum.name,
    value: await checksumOf(upload.checksum.name, [blob]),
  };
  const part: Part = {
    number,
    blob,
    etag: md5.digest().toString('hex'),
    lastModifiedMs: call.state.now(),
    ...(declared ? {checksum: declared} : {}),
  };
  await keepPart(bucket, upload, part);
  sendXml(call, 'CopyPartResult', {LastModified: isoTime(part.lastModifiedMs), ETag: `"${part.etag}"`});
}

function partTarget(call: Call): {bucket: Bucket; upload: Upload; number: number} {
  const bucket = bucketOf(call);
  const upload = bucket.upload(call.address.query.get('uploadId') ?? '', call.address.key);
  const number = Number(call.address.query.get('partNumber'));
  const max = call.state.quirks.maxParts ?? 10_000;
  if (!Number.isInteger(number) || number < 1 || number > max)
    throw invalidArgument(
      `Part number must be an integer between 1 and ${max}, inclusive`,
      'partNumber',
      String(number),
    );
  return {bucket, upload, number};
}

async function keepPart(bucket: Bucket, upload: Upload, part: Part): Promise<void> {
  // The upload may have been aborted while the body was on its way.
  if (!bucket.uploads.has(upload.id)) {
    await part.blob.release();
    bucket.upload(upload.id, upload.key);
  }
  if (upload.checksum && part.checksum && part.checksum.name !== upload.checksum.name) {
    await part.blob.release();
    throw invalidRequest(
      `Checksum Type mismatch occurred, expected checksum Type: ${upload.checksum.name}, actual checksum Type: ${part.checksum.name}`,
    );
  }
  await upload.parts.get(part.number)?.blob.release();
  upload.parts.set(part.number, part);
}

async function completeUpload(call: Call): Promise<void> {
  const bucket = bucketOf(call);
  const upload = bucket.upload(call.address.query.get('uploadId') ?? '', call.address.key);
  const condition = conditionOf(call);
  const document = await readXml(call, 'CompleteMultipartUpload');
  const parts = chosenParts(
    call,
    upload,
    document.nodes.filter((node) => node.name === 'Part'),
  );
  bucket.check(upload.key, condition);
  const checksum = await wholeChecksum(call, upload, parts);
  if ((call.state.quirks.completeFailsInside200 ?? 0) > 0) {
    call.state.quirks.completeFailsInside200!--;
    return sendXml(call, 'Error', {
      Code: 'InternalError',
      Message: 'We encountered an internal error. Please try again.',
    });
  }
  commitCheck(bucket, upload.key, condition);
  // From here to the commit nothing waits, so two completions cannot both pass.
  bucket.upload(upload.id, upload.key);
  bucket.uploads.delete(upload.id);
  const version = await bucket.add(assembled(call, upload, parts, checksum));
  await bucket.dropUpload(upload, parts);
  sendXml(
    call,
    'CompleteMultipartUploadResult',
    {
      Location: `/${bucket.name}/${upload.key}`,
      Bucket: bucket.name,
      Key: upload.key,
      ETag: `"${version.etag}"`,
      ...checksumElements(version),
    },
    versionHeader(bucket, version),
  );
}

function assembled(
  call: Call,
  upload: Upload,
  parts: readonly Part[],
  checksum: Version['checksum'],
): Omit<Version, 'versionId'> {
  const md5 = createHash('md5');
  for (const part of parts) md5.update(Buffer.from(part.etag, 'hex'));
  return {
    key: upload.key,
    deleteMarker: false,
    blobs: parts.map((part) => part.blob),
    size: parts.reduce((sum, part) => sum + part.blob.size, 0),
    etag: `${md5.digest('hex')}-${parts.length}`,
    lastModifiedMs: call.state.now(),
    headers: upload.headers,
    tags: upload.tags,
    legalHold: upload.legalHold,
    partSizes: parts.map((part) => part.blob.size),
    ...(upload.retention ? {retention: upload.retention} : {}),
    ...(checksum ? {checksum} : {}),
  };
}

function checksumElements(version: Version): Record<string, string> {
  return version.checksum
    ? {[`Checksum${version.checksum.name.toUpperCase()}`]: version.checksum.value, ChecksumType: version.checksum.type}
    : {};
}

/** The parts that the client lists, checked as S3 does: order, presence, ETag, checksum, size. */
function chosenParts(call: Call, upload: Upload, listed: readonly XmlNode[]): Part[] {
  if (listed.length === 0) throw malformedXml();
  const numbers = listed.map((node) => Number(childText(node, 'PartNumber')));
  if (numbers.some((number, i) => i > 0 && number <= numbers[i - 1]!))
    throw new S3Error(
      400,
      'InvalidPartOrder',
      'The list of parts was not in ascending order. Parts must be ordered by part number.',
    );
  const parts = listed.map((node, i) => {
    const part = upload.parts.get(numbers[i]!);
    if (!part || bareEtag(childText(node, 'ETag') ?? '') !== part.etag || !checksumAgrees(upload, part, node)) {
      throw new S3Error(
        400,
        'InvalidPart',
        "One or more of the specified parts could not be found. The part may not have been uploaded, or the specified entity tag may not match the part's entity tag.",
        {UploadId: upload.id, PartNumber: String(numbers[i])},
      );
    }
    return part;
  });
  checkSizes(call, parts);
  return parts;
}

function checksumAgrees(upload: Upload, part: Part, node: XmlNode): boolean {
  const stated = statedChecksum(node);
  if (!stated) {
    if (upload.checksum?.type === 'COMPOSITE')
      throw invalidRequest(
        `The upload was created using a ${upload.checksum.name} checksum. The complete request must include the checksum for each part. It was missing for part ${part.number} in the request.`,
      );
    return true;
  }
  return part.checksum?.name === stated.name && part.checksum.value.toString('base64') === stated.value;
}

function checkSizes(call: Call, parts: readonly Part[]): void {
  const min = call.state.quirks.minPartSize ?? 5 * 1024 * 1024;
  const body = parts.slice(0, -1);
  const small = body.find((part) => part.blob.size < min);
  if (small)
    throw new S3Error(400, 'EntityTooSmall', 'Your proposed upload is smaller than the minimum allowed size', {
      ProposedSize: String(small.blob.size),
      MinSizeAllowed: String(min),
      PartNumber: String(small.number),
    });
  if (call.state.quirks.equalPartSizes && body.some((part) => part.blob.size !== body[0]!.blob.size)) {
    throw new S3Error(400, 'InvalidPart', 'All non-trailing parts must have the same length.');
  }
}

async function wholeChecksum(call: Call, upload: Upload, parts: readonly Part[]): Promise<Version['checksum']> {
  if (!upload.checksum) return undefined;
  const {name, type} = upload.checksum;
  let value: string;
  if (type === 'FULL_OBJECT')
    value = (
      await checksumOf(
        name,
        parts.map((part) => part.blob),
      )
    ).toString('base64');
  else {
    const checksum = startChecksum(name);
    for (const part of parts) checksum.update(part.checksum!.value);
    value = `${checksum.digest().toString('base64')}-${parts.length}`;
  }
  const stated = header(call, `x-amz-checksum-${name}`);
  if (stated !== undefined && stated.replace(/-\d+$/, '') !== value.replace(/-\d+$/, ''))
    throw new S3Error(
      400,
      'BadDigest',
      `The ${name.toUpperCase()} you specified did not match the calculated checksum.`,
    );
  return {name, type, value};
}

async function abortUpload(call: Call): Promise<void> {
  const bucket = bucketOf(call);
  await bucket.dropUpload(bucket.upload(call.address.query.get('uploadId') ?? '', call.address.key));
  sendEmpty(call, 204);
}

function listParts(call: Call): void {
  const bucket = bucketOf(call);
  const upload = bucket.upload(call.address.query.get('uploadId') ?? '', call.address.key);
  const max = integerOf(call.address.query.get('max-parts'), 1_000, 'max-parts', 1_000);
  const marker = integerOf(call.address.query.get('part-number-marker'), 0, 'part-number-marker', 10_000);
  const rest = [...upload.parts.values()].filter((part) => part.number > marker).sort((a, b) => a.number - b.number);
  const page = rest.slice(0, max);
  sendXml(call, 'ListPartsResult', {
    Bucket: bucket.name,
    Key: upload.key,
    UploadId: upload.id,
    PartNumberMarker: marker,
    NextPartNumberMarker: page.at(-1)?.number ?? 0,
    MaxParts: max,
    IsTruncated: rest.length > page.length,
    StorageClass: 'STANDARD',
    ...(upload.checksum
      ? {ChecksumAlgorithm: upload.checksum.name.toUpperCase(), ChecksumType: upload.checksum.type}
      : {}),
    Part: page.map((part) => ({
      PartNumber: part.number,
      LastModified: isoTime(part.lastModifiedMs),
      ETag: `"${part.etag}"`,
      Size: part.blob.size,
      ...(part.checksum
        ? {[`Checksum${part.checksum.name.toUpperCase()}`]: part.checksum.value.toString('base64')}
        : {}),
    })),
  });
}

function listUploads(call: Call): void {
  const bucket = bucketOf(call);
  const query = call.address.query;
  const prefix = query.get('prefix') ?? '';
  const delimiter = query.get('delimiter') ?? '';
  const max = integerOf(query.get('max-uploads'), 1_000, 'max-uploads', 1_000);
  const [keyMarker, idMarker] = [query.get('key-marker') ?? '', query.get('upload-id-marker') ?? ''];
  // An upload's place is its key and then its id; a zero byte cannot stand in either.
  const place = (upload: Upload) => `${upload.key}\0${upload.id}`;
  const uploads = new Map(
    [...bucket.uploads.values()]
      .filter((upload) => !call.state.quirks.uploadsByExactKey || upload.key === prefix)
      .map((upload) => [place(upload), upload]),
  );
  const after = keyMarker === '' ? '' : idMarker === '' ? `${keyMarker}\0\uffff` : `${keyMarker}\0${idMarker}`;
  const page = listPage([...uploads.keys()].sort(), {prefix, delimiter, maxKeys: max, after}, (key) => [
    uploads.get(key)!,
  ]);
  const last = page.entries.at(-1);
  sendXml(call, 'ListMultipartUploadsResult', {
    Bucket: bucket.name,
    KeyMarker: keyMarker,
    UploadIdMarker: idMarker,
    ...(page.next === undefined || !last ? {} : {NextKeyMarker: last.key, NextUploadIdMarker: last.id}),
    Prefix: prefix,
    Delimiter: delimiter || undefined,
    MaxUploads: max,
    IsTruncated: page.next !== undefined,
    Upload: page.entries.map((upload) => ({
      Key: upload.key,
      UploadId: upload.id,
      StorageClass: 'STANDARD',
      Initiated: isoTime(upload.startedMs),
      ...(upload.checksum
        ? {ChecksumAlgorithm: upload.checksum.name.toUpperCase(), ChecksumType: upload.checksum.type}
        : {}),
    })),
    CommonPrefixes: page.prefixes.map((Prefix) => ({Prefix})),
  });
}
