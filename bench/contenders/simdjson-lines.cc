// simdjson lines: what simdjson's own ways make of JSON lines, for bench/simdjson.ts. They judge, look for one key, and write nothing.
// Takes  a file of lines, all of them valid, a JSON Pointer, and for how many milliseconds each way is repeated.
// Gives  on stdout the instruction set that simdjson has chosen, then one line a way: name, lines with the key, nanoseconds and CPU
//        nanoseconds a line.
#include <simdjson.h>

#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <string>

namespace {

size_t domByLine(const simdjson::padded_string& text, const std::string& key) {
  static simdjson::dom::parser parser;
  size_t found = 0;
  const char* at = text.data();
  const char* end = at + text.size();
  while (at < end) {
    const char* stop = static_cast<const char*>(memchr(at, '\n', size_t(end - at)));
    simdjson::dom::element line, value;
    // What lies behind the line serves as padding: nothing is copied.
    if (parser.parse(at, size_t(stop - at), false).get(line) == simdjson::SUCCESS &&
        line.at_pointer(key).get(value) == simdjson::SUCCESS)
      found++;
    at = stop + 1;
  }
  return found;
}

size_t domManyLines(const simdjson::padded_string& text, const std::string& key) {
  static simdjson::dom::parser parser;
  size_t found = 0;
  simdjson::dom::document_stream stream;
  if (parser.parse_many(text, 1 << 20).get(stream) != simdjson::SUCCESS) return 0;
  for (simdjson::simdjson_result<simdjson::dom::element> line : stream) {
    simdjson::dom::element value;
    if (line.at_pointer(key).get(value) == simdjson::SUCCESS) found++;
  }
  return found;
}

size_t onDemandManyLines(const simdjson::padded_string& text, const std::string& key) {
  static simdjson::ondemand::parser parser;
  size_t found = 0;
  simdjson::ondemand::document_stream stream;
  if (parser.iterate_many(text, 1 << 20).get(stream) != simdjson::SUCCESS) return 0;
  for (auto line : stream) {
    simdjson::ondemand::value value;
    if (line.at_pointer(key).get(value) == simdjson::SUCCESS) found++;
  }
  return found;
}

double cpuNs() {
  timespec now;
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
  return double(now.tv_sec) * 1e9 + double(now.tv_nsec);
}

}  // namespace

int main(int argc, char** argv) {
  simdjson::padded_string text;
  if (argc != 4 || simdjson::padded_string::load(argv[1]).get(text) != simdjson::SUCCESS) return 1;
  const std::string key = argv[2];
  const double wantedNs = std::atof(argv[3]) * 1e6;
  double lines = 0;
  for (const char& byte : std::string_view(text)) lines += byte == '\n';
  std::printf("%s\n", simdjson::get_active_implementation()->name().c_str());
  struct Way {
    const char* name;
    size_t (*run)(const simdjson::padded_string&, const std::string&);
  };
  const Way ways[] = {{"DOM, line by line", domByLine}, {"DOM, parse_many", domManyLines}, {"On-Demand, iterate_many", onDemandManyLines}};
  for (const Way& way : ways) {
    const size_t found = way.run(text, key);
    const auto begun = std::chrono::steady_clock::now();
    const double begunCpuNs = cpuNs();
    double calls = 0, ns = 0;
    do {
      if (way.run(text, key) != found) return 1;
      calls++;
      ns = double(std::chrono::nanoseconds(std::chrono::steady_clock::now() - begun).count());
    } while (ns < wantedNs);
    std::printf("%s\t%zu\t%f\t%f\n", way.name, found, ns / calls / lines, (cpuNs() - begunCpuNs) / calls / lines);
  }
  return 0;
}
