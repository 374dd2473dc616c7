/** A refusal as S3 words it. Thrown by the stand-in's parts, rendered once, never a `Failure`: it is an answer, not a fault of ours. */
export class S3Error extends Error {
  constructor(
    readonly status: number,
    readonly code: string,
    message: string,
    /** Further elements of the error document. */
    readonly fields: Readonly<Record<string, string>> = {},
  ) {
    super(message);
    this.name = 'S3Error';
  }
}

export const noSuchKey = (key: string) =>
  new S3Error(404, 'NoSuchKey', 'The specified key does not exist.', {Key: key});
export const noSuchUpload = (id: string) =>
  new S3Error(
    404,
    'NoSuchUpload',
    'The specified upload does not exist. The upload ID may be invalid, or the upload may have been aborted or completed.',
    {UploadId: id},
  );
export const preconditionFailed = (condition: string) =>
  new S3Error(412, 'PreconditionFailed', 'At least one of the pre-conditions you specified did not hold', {
    Condition: condition,
  });
export const malformedXml = () =>
  new S3Error(
    400,
    'MalformedXML',
    'The XML you provided was not well-formed or did not validate against our published schema',
  );
export const invalidRequest = (message: string) => new S3Error(400, 'InvalidRequest', message);
export const invalidArgument = (message: string, name = '', value = '') =>
  new S3Error(400, 'InvalidArgument', message, {ArgumentName: name, ArgumentValue: value});
export const accessDenied = (message = 'Access Denied') => new S3Error(403, 'AccessDenied', message);
export const notImplemented = (header?: string) =>
  new S3Error(
    501,
    'NotImplemented',
    'A header or query you provided implies functionality that is not implemented',
    header ? {Header: header} : {},
  );
