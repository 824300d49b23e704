// The files of shared_cluster.h.
#include <algorithm>
#include <filesystem>
#include <map>

#include "sim/scenario/references.h"
#include "sim/scenario/scenario_reader.h"
#include "sim/scenario/shared_cluster.h"

namespace stepcast {
namespace {

constexpr IntegerRange kGpus = {.min = 0, .max = 999'999};

std::string in_quotes(const std::string& name) { return "\"" + name + "\""; }

class SharedClusterReader {
 public:
  SharedClusterReader(const JsonDocument& document, const Library& library)
      : library_(library), references_(library, problems_), fields_(document.root(), problems_) {
    cluster_.file = document.file();
  }

  SharedCluster read() && {
    cluster_.name = fields_.text("name", std::filesystem::path(cluster_.file).stem().string());
    fields_.text("description", "");
    read_topology();
    if (const auto jobs = fields_.required_child("jobs", "a list of jobs [...]")) read_jobs(*jobs);
    fields_.finish();
    const bool sound = infeasible_ == problems_.all().size();  // but plans that can't run
    problems_.raise_if_any(sound ? ErrorKind::kInfeasible : ErrorKind::kInput);
    return std::move(cluster_);
  }

 private:
  void read_topology() {
    const auto named = fields_.required_child("topology", kReference);
    topology_ = named ? references_.follow(*named, &Library::topology_file) : std::nullopt;
    const std::size_t before = problems_.all().size();
    if (topology_) cluster_.topology = references_.topology(*topology_);
    if (problems_.all().size() > before) topology_.reset();
  }

  void read_jobs(const JsonValue& jobs) {
    const std::vector<JsonValue> elements = jobs.elements();
    if (elements.empty()) problems_.add(jobs.problem(": expected an array of jobs, one at least"));
    for (const JsonValue& element : elements) read_job(element);
  }

  void read_job(const JsonValue& value) {
    const std::size_t before = problems_.all().size();
    Fields fields(value, problems_);
    ClusterJob job;
    job.name = fields.text("name");
    job.start = fields.quantity<Seconds>("start", Seconds(0), true);
    job.steps = static_cast<std::uint32_t>(fields.integer("steps", {.min = 1, .max = 100}, 1));
    const bool listed = fields.has("gpus");
    const std::int64_t first = listed ? 0 : fields.integer("first_gpu", kGpus);
    if (listed) read_gpus(*fields.child("gpus"), job);
    if (listed && fields.child("first_gpu"))
      fields.reject("first_gpu", ": the GPUs are listed in gpus; give one of the two");
    const auto scenario = fields.required_child("scenario", kReference);
    const auto root =
        scenario ? references_.follow(*scenario, &Library::scenario_file) : std::nullopt;
    fields.finish();
    if (!topology_ || !root ||
        !read_scenario_of(*root, {.topology = *topology_, .gpus = job.gpus, .first_gpu = first},
                          job))
      return;
    const std::int64_t ranks = job.scenario.plan.world_size();
    for (std::int64_t rank = 0; !listed && rank < ranks; ++rank)
      job.gpus.push_back(static_cast<std::uint32_t>(first + rank));
    if (problems_.all().size() > before) return;
    check_place(value, job, ranks);
    cluster_.jobs.push_back(std::move(job));
  }

  void read_gpus(const JsonValue& list, ClusterJob& job) {
    for (const JsonValue& element : list.elements()) {
      const auto gpu = element.as_integer();
      if (!gpu || *gpu < kGpus.min || *gpu > kGpus.max) {
        problems_.add(element.problem("= " + element.excerpt() + " must be the number of a GPU"));
        return;
      }
      job.gpus.push_back(static_cast<std::uint32_t>(*gpu));
    }
  }

  bool read_scenario_of(const JsonValue& root, const Placement& placement, ClusterJob& job) {
    try {
      job.scenario = read_scenario(root, library_, placement);
      return true;
    } catch (const Error& error) {
      const std::size_t before = problems_.all().size();
      for (const Problem& problem : error.problems()) problems_.add(problem);
      if (error.kind() == ErrorKind::kInfeasible) infeasible_ += problems_.all().size() - before;
      return false;
    }
  }

  /// The job's GPUs exist, are as many as its ranks, and nobody else's.
  void check_place(const JsonValue& value, const ClusterJob& job, std::int64_t ranks) {
    const auto reject = [&](const std::string& message) {
      problems_.add(value.problem(": job " + in_quotes(job.name) + " " + message));
    };
    if (std::ssize(job.gpus) != ranks)
      return reject("has " + std::to_string(job.gpus.size()) + " GPUs, and its plan needs " +
                    std::to_string(ranks));
    const std::int64_t there = cluster_.topology.num_gpus();
    const std::int64_t last = *std::max_element(job.gpus.begin(), job.gpus.end());
    if (last >= there)
      return reject("reaches to GPU " + std::to_string(last) + ", and topology " +
                    in_quotes(cluster_.topology.name) + " has GPUs 0 to " +
                    std::to_string(there - 1) + "; move it, or raise num_nodes");
    for (const ClusterJob& other : cluster_.jobs)
      if (other.name == job.name) return reject("has the name of another job");
    for (const std::uint32_t gpu : job.gpus) {
      const auto [owner, is_new] = owner_.try_emplace(gpu, job.name);
      if (!is_new)
        return reject("shares GPU " + std::to_string(gpu) + " with job " +
                      in_quotes(owner->second) + "; give each its own");
    }
  }

  const Library& library_;
  Problems problems_;
  References references_;
  Fields fields_;
  std::optional<JsonValue> topology_;
  SharedCluster cluster_;
  std::map<std::uint32_t, std::string> owner_;  // job by GPU
  std::size_t infeasible_ = 0;                  // of the problems
};

}  // namespace

std::uint32_t SharedCluster::num_gpus() const {
  std::uint32_t count = 0;
  for (const ClusterJob& job : jobs)
    for (const std::uint32_t gpu : job.gpus) count = std::max(count, gpu + 1);
  return count;
}

SharedCluster load_shared_cluster(const std::string& name_or_path, const Library& library) {
  return SharedClusterReader(
             open_own_or_named(name_or_path, library, &Library::shared_cluster_file), library)
      .read();
}

}  // namespace stepcast
