// The few shapes that our drawings are made of, as SVG text. Coordinates are whole pixels and
// colours are classes of one style sheet, so that equal drawings are equal bytes and a dark viewer
// gets dark colours.
#pragma once

#include <string>

namespace stepcast {

struct Point {
  int x = 0, y = 0;
};

/// Later shapes lie on top of earlier ones. `css` is a class of the style sheet; `hint` is shown
/// under the pointer; both texts are escaped here.
class Svg {
 public:
  void box(Point corner, int width, int height, const std::string& css,
           const std::string& hint = "");
  /// Text in the middle of `at`, unless the class says otherwise.
  void text(Point at, const std::string& css, const std::string& what);
  void line(Point from, Point to, int tenths_wide, const std::string& css, const std::string& hint);
  /// An arc whose middle lies `bulge` away from the middle of the straight line.
  void arc(Point from, Point to, Point bulge, int tenths_wide, const std::string& css,
           const std::string& hint);
  /// All shapes of another drawing, on top.
  void append(const Svg& other) { shapes_ += other.shapes_; }

  /// A document of its own, with `title` for screen readers.
  std::string document(int width, int height, const std::string& title) const;

 private:
  void add(const std::string& shape, const std::string& hint);
  std::string shapes_;
};

}  // namespace stepcast
