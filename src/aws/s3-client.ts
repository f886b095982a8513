/**
 * S3 client: the SDK's, as this engine wants it: for what s3-way.ts leaves to it, for inventories and for buckets whose requests it signs in ways of
 * its own (sessions of directory buckets, access points of several regions).
 * Never  imported by what every run loads: it is loaded when it is needed.
 */
import { GetObjectCommand, S3Client } from '@aws-sdk/client-s3';
import type { HttpRequest } from '@smithy/protocol-http';
import { type CredentialProvider, credentialChain } from './credentials.ts';
import { USER_AGENT } from './endpoint.ts';
import { hostOf, originOf } from './proxy.ts';
import type { S3Place } from './s3-way.ts';
import { type AwsTarget, clientOptions } from './target.ts';

/**
 * Path-style addressing when an endpoint is given.
 * @param socketsMax Connections at once; default 64. @param credentials Default: the chain of the target.
 */
export function createS3Client(
  target: AwsTarget,
  socketsMax = 64,
  credentials: CredentialProvider = credentialChain(target),
): S3Client {
  return new S3Client({
    ...clientOptions(target, socketsMax),
    credentials,
    forcePathStyle: target.endpoint !== null,
    followRegionRedirects: target.endpoint === null,
    // Checksums are verified where they are cheap: src/source/download.ts.
    responseChecksumValidation: 'WHEN_REQUIRED',
    requestChecksumCalculation: 'WHEN_REQUIRED',
  });
}

/**
 * Lets the SDK build a request for the bucket and looks at it before it is signed or sent. Null: it would sign in another way.
 * @param elsewhere The bucket's region where it is not the client's. The SDK's own redirects go the same way.
 */
export async function placeBySdk(
  client: S3Client,
  bucket: string,
  elsewhere: string | undefined,
): Promise<S3Place | null> {
  const probeKey = 'k';
  const command = new GetObjectCommand({ Bucket: bucket, Key: probeKey });
  let place: S3Place | null = null;
  const isSession = /--x-s3$/.test(bucket);
  if (isSession || /^arn:[^:]*:s3::/.test(bucket)) return null;
  if (elsewhere !== undefined) {
    command.middlewareStack.add(
      (next, context) => (args) => {
        context.__s3RegionRedirect = elsewhere;
        return next(args);
      },
      { step: 'initialize', name: 'millraceRegion' },
    );
  }
  command.middlewareStack.add(
    (_next, context) => async (args) => {
      const request = args.request as HttpRequest;
      const schemes = (context.endpointV2?.properties?.authSchemes ?? []) as {
        name?: string;
        signingRegion?: string;
      }[];
      const scheme = schemes[0];
      if (scheme === undefined || scheme.name === 'sigv4') {
        const origin = originOf(request);
        place = {
          origin,
          pathPrefix: request.path.slice(0, -probeKey.length),
          host: request.headers.host ?? hostOf(origin),
          userAgent: request.headers['user-agent'] ?? USER_AGENT,
          region: scheme?.signingRegion ?? (await client.config.region()),
        };
      }
      return { response: {}, output: { $metadata: {} } };
    },
    { step: 'build', name: 'millraceRoute', priority: 'low', override: true },
  );
  await client.send(command);
  return place;
}
