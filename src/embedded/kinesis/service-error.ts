/**
 * ServiceError: a refusal in the words of Kinesis. Thrown by operations, turned into a response by server.ts.
 * Never  carries a payload. Wordings are those the service is known to send; where a wording is not documented, code and status
 * are right and the text is ours.
 */
export class ServiceError extends Error {
  readonly code: string;
  readonly status: number;
  /**
   * @param code What the response's `__type` says, e.g. `ResourceNotFoundException`.
   * @param status HTTP status, 400 unless given.
   */
  constructor(code: string, message: string, status = 400) {
    super(message);
    this.name = 'ServiceError';
    this.code = code;
    this.status = status;
  }
}

/** A request that breaks the shape that the service's model demands. */
export function validationError(value: string, member: string, constraint: string): ServiceError {
  return new ServiceError(
    'ValidationException',
    `1 validation error detected: Value ${value} at '${member}' failed to satisfy constraint: ${constraint}`,
  );
}

/** A request that the model allows and the service does not. */
export function invalidArgument(message: string): ServiceError {
  return new ServiceError('InvalidArgumentException', message);
}
