#include "kernels/profiler/profile_text.h"

#include <cstdio>

#include "sim/base/error.h"
#include "sim/base/json_writer.h"

namespace stepcast {
namespace {

std::string percent(double fraction) {
  char text[32];
  std::snprintf(text, sizeof text, "%6.1f %%", 100 * fraction);
  return text;
}

std::string model_line(const ModelError& error) {
  char head[96];
  std::snprintf(head, sizeof head, "%-28s %6zu %9zu", error.name.c_str(), error.fitted,
                error.held_out);
  return std::string(head) + "  " + percent(error.median_abs) + "  " + percent(error.p90_abs) +
         "  " + percent(error.bias) + "\n";
}

}  // namespace

void require_usable(const ProfileRun& run, const std::vector<std::string>& notes) {
  if (!run.timed.empty()) return;
  if (!run.broken.empty()) throw Error(ErrorKind::kLiveRank, run.broken);
  std::string why = "no kernel was timed";
  if (run.unknown > 0 && !notes.empty())
    why += ": " + notes.back();
  else if (run.unknown > 0)
    why += ": other work has the cores of this machine (" + std::to_string(run.dropped) +
           " samples lost theirs); run it when the machine is idle";
  else if (!run.refused.empty())
    why += ": " + to_text(run.refused.front().first) + " " + run.refused.front().second +
           (run.refused.size() > 1
                ? ", and " + std::to_string(run.refused.size() - 1) + " more kernels likewise"
                : "");
  else
    why += ": it was stopped before the first one";
  throw Error(ErrorKind::kUnsupported, why);
}

std::string profile_table(const Device& device, const ProfileRun& run,
                          const FittedProfile& fitted) {
  std::string text =
      "device " + device.name + ": " + std::to_string(run.timed.size()) + " kernels timed";
  if (run.kept > 0) text += " (" + std::to_string(run.kept) + " of them before)";
  text += ", " + std::to_string(fitted.profile.points.all().size()) + " kept as points\n";
  if (!run.complete) text += "incomplete: a rerun with the same output goes on\n";
  if (run.dropped > 0)
    text += std::to_string(run.dropped) +
            " samples were disturbed by other work and do not count, " +
            std::to_string(run.samples) + " do\n";
  if (run.unknown > 0) text += std::to_string(run.unknown) + " kernels never had a whole sample\n";
  for (const auto& [kernel, why] : run.refused)
    text += "not timed: " + to_text(kernel) + " " + why + "\n";
  if (fitted.errors.empty()) return text + "too few shapes for a model: the points alone count\n";
  text += "\nmodel                        fitted  held out    median       p90      bias\n";
  for (const ModelError& error : fitted.errors) text += model_line(error);
  return text + "errors are those of the shapes held out, of the fitted ones where none was\n";
}

std::string profile_json(const Device& device, const ProfileRun& run, const FittedProfile& fitted) {
  JsonWriter json;
  json.begin_object();
  json.member("device", device.name);
  json.member("kernels", run.timed.size());
  json.member("kept", run.kept);
  json.member("points", fitted.profile.points.all().size());
  json.key("refused");
  json.begin_array();
  for (const auto& [kernel, why] : run.refused) {
    json.begin_object(JsonWriter::Layout::kOneLine);
    json.member("kernel", to_text(kernel));
    json.member("reason", why);
    json.end_object();
  }
  json.end_array();
  json.member("unknown", run.unknown);
  json.member("samples", run.samples);
  json.member("dropped_samples", run.dropped);
  json.member("complete", run.complete);
  json.key("models");
  json.begin_array();
  for (const ModelError& error : fitted.errors) {
    json.begin_object(JsonWriter::Layout::kOneLine);
    json.member("name", error.name);
    json.member("fitted_shapes", error.fitted);
    json.member("held_out_shapes", error.held_out);
    json.member("median_abs", error.median_abs);
    json.member("p90_abs", error.p90_abs);
    json.member("bias", error.bias);
    json.end_object();
  }
  json.end_array();
  json.end_object();
  return json.text();
}

}  // namespace stepcast
