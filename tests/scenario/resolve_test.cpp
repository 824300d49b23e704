#include "sim/scenario/resolve.h"

#include <gtest/gtest.h>

#include "sim/base/error.h"
#include "tests/support/scratch_folder.h"

namespace stepcast {
namespace {
namespace fs = std::filesystem;

class Resolve : public ::testing::Test {
 protected:
  Resolve() {
    folder_.write("library/alpha.json", R"({"is": "alpha"})");
    folder_.write("library/beta.json", "{}");
    folder_.write("work/own.json", R"({"is": "own"})");
    folder_.write("work/deep/inner.json", "{}");
    folder_.write("secret.json", "{}");
  }

  JsonDocument resolve_from_work(const std::string& name) const {
    return resolve(name, folder_.path("work"), [&](const std::string& shipped) {
      return folder_.path("library/" + shipped + ".json");
    });
  }

  /// The message of the refusal; it names no file, so that the caller can name the place.
  std::string refusal(const std::string& name) const {
    try {
      resolve_from_work(name);
    } catch (const Error& error) {
      EXPECT_EQ(error.kind(), ErrorKind::kInput) << name;
      EXPECT_EQ(error.problems().front().file, "") << name;
      return error.what();
    }
    ADD_FAILURE() << name << " was resolved";
    return "";
  }

  ScratchFolder folder_;
};

TEST_F(Resolve, ABareNameIsShipped) {
  EXPECT_EQ(resolve_from_work("alpha").root().member("is")->as_string(), "alpha");
}

TEST_F(Resolve, APathIsBesideTheFileThatNamesIt) {
  EXPECT_EQ(resolve_from_work("./own.json").root().member("is")->as_string(), "own");
  EXPECT_EQ(resolve_from_work("own.json").root().member("is")->as_string(), "own");
  EXPECT_NO_THROW(resolve_from_work("deep/inner.json"));
  EXPECT_NO_THROW(resolve_from_work("deep/../own.json"));
}

TEST_F(Resolve, MessagesNameFilesAsTheyWereReached) {
  EXPECT_EQ(resolve_from_work("./deep/../own.json").file(), folder_.path("work/own.json"));
}

TEST_F(Resolve, NoPathLeavesTheFolder) {
  const std::string leaves = "leaves the folder";
  for (const std::string& path :
       {std::string("../secret.json"), std::string("deep/../../secret.json"),
        folder_.path("secret.json"), folder_.path("work/own.json"),
        std::string("../work-of-others/own.json"), std::string("/etc/passwd")})
    EXPECT_NE(refusal(path).find(leaves), std::string::npos) << path;
}

TEST_F(Resolve, NoSymbolicLinkLeavesTheFolder) {
  fs::create_symlink(folder_.path("secret.json"), folder_.path("work/link.json"));
  fs::create_directory_symlink(folder_.root(), folder_.path("work/up"));
  fs::create_symlink(folder_.path("work/own.json"), folder_.path("work/alias.json"));
  EXPECT_NE(refusal("link.json").find("leaves the folder"), std::string::npos);
  EXPECT_NE(refusal("up/secret.json").find("leaves the folder"), std::string::npos);
  EXPECT_NO_THROW(resolve_from_work("alias.json"));
}

TEST_F(Resolve, LinksInACircleAreRefused) {
  fs::create_symlink("b.json", folder_.path("work/a.json"));
  fs::create_symlink("a.json", folder_.path("work/b.json"));
  EXPECT_NE(refusal("a.json"), "");
}

TEST_F(Resolve, AFileThatIsNotThereIsAMistakeOfTheReference) {
  EXPECT_NE(refusal("./nowhere.json").find("No such file"), std::string::npos);
  EXPECT_NE(refusal("./deep/").find("not a regular file"), std::string::npos);
}

TEST_F(Resolve, AnUnknownNameListsWhatIsShipped) {
  const std::string message = refusal("alhpa");
  EXPECT_NE(message.find("did you mean \"alpha\"?"), std::string::npos) << message;
  EXPECT_NE(message.find("Shipped: alpha beta"), std::string::npos) << message;
  EXPECT_NE(message.find("./my-file.json"), std::string::npos) << message;
}

TEST_F(Resolve, NamesHoldNothingThatCannotBePrinted) {
  for (const std::string& name :
       {std::string(""), std::string("al\npha"), std::string("alpha\0.json", 11)})
    EXPECT_NE(refusal(name).find("no name of a file"), std::string::npos);
}

TEST_F(Resolve, ShippedNamesAreSorted) {
  EXPECT_EQ(shipped_names(folder_.path("library/any.json")),
            (std::vector<std::string>{"alpha", "beta"}));
  EXPECT_TRUE(shipped_names(folder_.path("nowhere/any.json")).empty());
}

}  // namespace
}  // namespace stepcast
