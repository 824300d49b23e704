// Builds Boost's residual graph: every arc has a reverse one.
#include "sim/topology/max_flow.h"

#include <boost/graph/adjacency_list.hpp>
#include <boost/graph/push_relabel_max_flow.hpp>

namespace stepcast {
namespace {

using Traits = boost::adjacency_list_traits<boost::vecS, boost::vecS, boost::directedS>;
using EdgeProperty = boost::property<
    boost::edge_capacity_t, std::int64_t,
    boost::property<boost::edge_residual_capacity_t, std::int64_t,
                    boost::property<boost::edge_reverse_t, Traits::edge_descriptor>>>;
using FlowGraph = boost::adjacency_list<boost::vecS, boost::vecS, boost::directedS,
                                        boost::no_property, EdgeProperty>;

}  // namespace

std::int64_t max_flow(std::size_t num_vertices, const std::vector<Arc>& arcs, std::size_t source,
                      std::size_t sink) {
  FlowGraph graph(num_vertices);
  const auto capacity = boost::get(boost::edge_capacity, graph);
  const auto reverse = boost::get(boost::edge_reverse, graph);
  for (const Arc& arc : arcs) {
    const auto forth = boost::add_edge(arc.from, arc.to, graph).first;
    const auto back = boost::add_edge(arc.to, arc.from, graph).first;
    capacity[forth] = arc.capacity;
    capacity[back] = 0;
    reverse[forth] = back;
    reverse[back] = forth;
  }
  return boost::push_relabel_max_flow(graph, source, sink);
}

}  // namespace stepcast
