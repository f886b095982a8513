import { expect, it } from 'vitest';
import { errorXml, escapeXml } from '../../../src/embedded/s3/xml.ts';

it.each([
  { text: 'a<b>&"c"', escaped: 'a&lt;b&gt;&amp;&quot;c&quot;' },
  { text: 'tab\tnull\u0000', escaped: 'tab&#x9;null&#x0;' },
  { text: 'é\u{1f600}', escaped: 'é\u{1f600}' },
])('escapes $escaped', ({ text, escaped }) => {
  expect(escapeXml(text)).toBe(escaped);
});

it('writes errors as S3 writes them', () => {
  expect(errorXml('NoSuchKey', 'Gone', '/b/<k>', 'ID')).toBe(
    '<?xml version="1.0" encoding="UTF-8"?>\n<Error><Code>NoSuchKey</Code><Message>Gone</Message><Resource>/b/&lt;k&gt;</Resource><RequestId>ID</RequestId></Error>',
  );
});
