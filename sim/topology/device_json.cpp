// topologies/devices/*.json -> Device.
#include "sim/base/quantity_text.h"
#include "sim/topology/topology.h"

namespace stepcast {
namespace {

/// Peaks that are not given mean that the device does not compute in that type.
void read_peaks(Fields& fields, Device& device) {
  device.peak_fp32 = fields.quantity<FlopsPerSec>("peak_fp32");
  device.peak_tf32 = fields.quantity<FlopsPerSec>("peak_tf32", FlopsPerSec{});
  device.peak_fp16 = fields.quantity<FlopsPerSec>("peak_fp16", FlopsPerSec{});
  device.peak_bf16 = fields.quantity<FlopsPerSec>("peak_bf16", FlopsPerSec{});
  device.peak_fp8 = fields.quantity<FlopsPerSec>("peak_fp8", FlopsPerSec{});
}

}  // namespace

FlopsPerSec Device::peak(Dtype dtype) const {
  switch (dtype) {
    case Dtype::kFp32:
      return peak_fp32;
    case Dtype::kTf32:
      return peak_tf32;
    case Dtype::kFp16:
      return peak_fp16;
    case Dtype::kBf16:
      return peak_bf16;
    case Dtype::kFp8:
      return peak_fp8;
  }
  return {};
}

Device read_device(JsonValue value, Problems& problems) {
  const std::size_t mistakes = problems.all().size();
  Fields fields(std::move(value), problems);
  Device device;
  device.name = fields.text("name");
  device.generation = fields.text("generation");
  read_peaks(fields, device);
  device.memory_capacity = fields.quantity<Bytes>("memory_capacity");
  device.memory_bandwidth = fields.quantity<BytesPerSec>("memory_bandwidth");
  device.num_sms = fields.integer("num_sms", {.min = 1, .max = 4096});
  device.power_limit = fields.quantity<Watts>("power_limit");
  device.idle_power = fields.quantity<Watts>("idle_power");
  device.source = fields.text("source", "");
  if (problems.all().size() == mistakes && device.idle_power > device.power_limit)
    fields.reject("idle_power",
                  "= " + to_text(device.idle_power) +
                      " must not exceed power_limit = " + to_text(device.power_limit));
  fields.finish();
  return device;
}

}  // namespace stepcast
