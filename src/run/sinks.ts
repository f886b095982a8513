/**
 * Sinks: which sink a run has. There is one.
 * Takes  how it is reached, and its name or ARN. Gives  the SinkProbe that src/publish/sink.ts describes.
 * Owns   the choice: outside src/publish/ nothing else names a sink. Its publishers are started by workers/publish.ts.
 */
export { openKinesis as openSink } from '../publish/kinesis/probe.ts';
