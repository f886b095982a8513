// Result: the verdict on each record of a PutRecords answer, in CBOR or JSON, without a JavaScript object per record.
// Says "not mine" to everything that it cannot read: then the portable reader decides, and words the error.
#include "args.h"
#include "cbor-reader.h"
#include "codec.h"
#include "constants.h"
#include "simdjson-calls.h"

#include <simdjson.h>

#include <vector>

namespace millrace {
namespace {

constexpr uint32_t VERDICTS = 4;

/** What one record of the answer says. Lengths of absent fields are meaningless. */
struct Answer {
  bool hasCode = false;
  bool hasShard = false;
  bool hasMessage = false;
  TextRef code;
  TextRef shard;
  TextRef message;
};

/** Tells record after record. The last `Records` field of the answer counts, as in JavaScript. */
struct Tally {
  View<uint8_t> verdicts;
  uint32_t entries;
  bool isAnyShard;
  TextRef expected;

  bool isSeen = false;
  bool isValid = false;
  uint32_t index = 0;
  uint32_t counts[VERDICTS] = {};
  /** The shard of each misrouted record. Empty but after a reshard. */
  std::vector<TextRef> misrouted;
  bool hasFailed = false;
  bool hasFailedMessage = false;
  TextRef failedCode;
  TextRef failedMessage;

  void begin() {
    isSeen = isValid = true;
    index = 0;
    std::memset(counts, 0, sizeof counts);
    misrouted.clear();
    hasFailed = hasFailedMessage = false;
  }
  void record(const Answer& answer) {
    if (index >= entries || (!answer.hasCode && !answer.hasShard)) {
      isValid = false;
      return;
    }
    uint8_t verdict = VERDICT_STORED;
    if (answer.hasCode) {
      const bool isThrottle =
          answer.code.is("ProvisionedThroughputExceededException") || answer.code.is("KMSThrottlingException");
      verdict = isThrottle ? VERDICT_THROTTLED : VERDICT_FAILED;
      if (verdict == VERDICT_FAILED && !hasFailed) {
        hasFailed = true;
        failedCode = answer.code;
        hasFailedMessage = answer.hasMessage;
        failedMessage = answer.message;
      }
    } else if (!isAnyShard && (answer.shard.length != expected.length ||
                               std::memcmp(answer.shard.bytes, expected.bytes, expected.length) != 0)) {
      verdict = VERDICT_MISROUTED;
      misrouted.push_back(answer.shard);
    }
    verdicts.data[index++] = verdict;
    counts[verdict]++;
  }
  bool isDone() const { return isSeen && isValid && index == entries; }
};

/** A text field, or null, or something else, which is not read here. */
bool optionalText(CborReader& reader, TextRef& text, bool& isThere) {
  isThere = !reader.peekNull();
  return isThere ? reader.text(text) : reader.skip(0);
}

bool readCborRecord(CborReader& reader, Answer& answer) {
  uint64_t left;
  if (!reader.open(CborReader::MAP, left)) return false;
  while (reader.more(left)) {
    TextRef name;
    bool isRead;
    if (!reader.text(name)) return false;
    if (name.is("ErrorCode")) isRead = optionalText(reader, answer.code, answer.hasCode);
    else if (name.is("ErrorMessage")) isRead = optionalText(reader, answer.message, answer.hasMessage);
    else if (name.is("ShardId")) isRead = optionalText(reader, answer.shard, answer.hasShard);
    else isRead = reader.skip(3);
    if (!isRead) return false;
  }
  return reader.isOk;
}

bool readCbor(View<uint8_t> body, Tally& tally) {
  CborReader reader(body.data, body.length);
  uint64_t fields;
  if (!reader.open(CborReader::MAP, fields)) return false;
  while (reader.more(fields)) {
    TextRef name;
    if (!reader.text(name)) return false;
    if (!name.is("Records")) {
      if (!reader.skip(1)) return false;
      continue;
    }
    uint64_t records;
    if (!reader.open(CborReader::ARRAY, records)) return false;
    tally.begin();
    while (reader.more(records)) {
      Answer answer;
      if (!readCborRecord(reader, answer)) return false;
      tally.record(answer);
    }
  }
  return reader.isOk && reader.isAtEnd() && tally.isDone();
}

bool optionalText(simdjson::dom::element value, TextRef& text, bool& isThere) {
  isThere = !value.is_null();
  std::string_view view;
  if (!isThere) return true;
  if (value.get_string().get(view) != simdjson::SUCCESS) return false;
  text = {reinterpret_cast<const uint8_t*>(view.data()), view.size()};
  return true;
}

bool readJsonRecord(simdjson::dom::element element, Answer& answer) {
  simdjson::dom::object fields;
  if (element.get_object().get(fields) != simdjson::SUCCESS) return false;
  for (const auto field : fields) {
    bool isRead = true;
    if (field.key == "ErrorCode") isRead = optionalText(field.value, answer.code, answer.hasCode);
    else if (field.key == "ErrorMessage") isRead = optionalText(field.value, answer.message, answer.hasMessage);
    else if (field.key == "ShardId") isRead = optionalText(field.value, answer.shard, answer.hasShard);
    if (!isRead) return false;
  }
  return true;
}

/** @param parser Owns the texts that the tally points at. */
bool readJson(simdjson::dom::parser& parser, View<uint8_t> body, Tally& tally) {
  // simdjson steps over a byte order mark, JSON.parse refuses it.
  if (body.length == 0 || body.data[0] == 0xef) return false;
  simdjson::dom::element answer;
  simdjson::dom::object fields;
  if (parser.parse(body.data, body.length, true).get(answer) != simdjson::SUCCESS) return false;
  if (answer.get_object().get(fields) != simdjson::SUCCESS) return false;
  for (const auto field : fields) {
    if (field.key != "Records") continue;
    simdjson::dom::array records;
    if (field.value.get_array().get(records) != simdjson::SUCCESS) return false;
    tally.begin();
    for (const auto record : records) {
      Answer one;
      if (!readJsonRecord(record, one)) return false;
      tally.record(one);
    }
  }
  return tally.isDone();
}

void setText(napi_env env, napi_value list, uint32_t index, const TextRef& text) {
  napi_value value;
  if (napi_create_string_utf8(env, reinterpret_cast<const char*>(text.bytes), text.length, &value) != napi_ok) return;
  napi_set_element(env, list, index, value);
}

}  // namespace

napi_value readPutResult(napi_env env, napi_callback_info info) {
  static thread_local simdjson::dom::parser parser;
  Args<7> args(env, info);
  const View<uint8_t> body = viewOf<uint8_t>(env, args[0]);
  const bool isJson = u32Of(env, args[1]) != 0;
  const View<uint8_t> expected = viewOf<uint8_t>(env, args[3]);
  Tally tally;
  tally.verdicts = viewOf<uint8_t>(env, args[4]);
  tally.entries = u32Of(env, args[2]);
  tally.isAnyShard = expected.length == 0;
  tally.expected = {expected.data, expected.length};
  View<double> counts = viewOf<double>(env, args[5]);
  const napi_value texts = args[6];
  if (tally.entries > tally.verdicts.length)
    return refuse(env, "Cannot read an answer to PutRecords: there are fewer verdicts than entries");
  if (counts.length < VERDICTS) return refuse(env, "Cannot read an answer to PutRecords: the result has no room");

  napi_value isRead;
  const bool isDone = isJson ? readJson(parser, body, tally) : readCbor(body, tally);
  napi_get_boolean(env, isDone, &isRead);
  if (!isDone) return isRead;
  for (uint32_t i = 0; i < VERDICTS; i++) counts.data[i] = tally.counts[i];
  if (tally.hasFailed) setText(env, texts, TEXT_CODE, tally.failedCode);
  if (tally.hasFailed && tally.hasFailedMessage) setText(env, texts, TEXT_MESSAGE, tally.failedMessage);
  for (uint32_t i = 0; i < tally.misrouted.size(); i++) setText(env, texts, TEXT_MISROUTED_SHARDS + i, tally.misrouted[i]);
  return isRead;
}

}  // namespace millrace
